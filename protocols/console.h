// SPDX-License-Identifier: MIT
// A serial console: bytes out with flow control, bytes in as they come. Served by drivers/uart; one call of each kind may wait per
// client. When the driver dies, calls end with kPeerClosed; the client connects again through protocols/system.h and repeats what was not
// acknowledged.
// What the driver has taken lies in memory that outlives it, and a client that names a stream says with each call where in it the call begins.
// So nothing that was acknowledged is lost and nothing that was repeated comes twice, but for the one byte that was on its way between the
// buffers and the device in the moment of death: it may come twice (out) or be lost (in).
#pragma once

#include "runtime/rpc.h"

namespace hati::console {

struct WriteReply {
  u64 bytes;  // taken; less than offered only if the call was cancelled
};
// Payload: the bytes. Answers when all are in the driver's buffer: blocks while that is full. Bytes of the stream before what the driver already
// has are skipped.
struct WriteRequest {
  static constexpr u32 kId = 1;
  using Reply = WriteReply;
  u64 stream = 0;  // a random number of the client's choice; 0: none, every byte is new
  u64 position = 0;  // of the first byte
};

struct ReadReply {
  u32 overrun;  // bytes lost before these because nobody read
  u32 breaks;  // break conditions among them
};
// Answers with at least one byte as payload, at most `bytes_max` (up to 4096): blocks until there is input. kBusy: another read waits.
// The driver keeps what it has given to a stream until a later call begins after it.
struct ReadRequest {
  static constexpr u32 kId = 2;
  using Reply = ReadReply;
  u32 bytes_max;
  u32 reserved = 0;
  u64 stream = 0;  // as for writing
  u64 position = 0;  // so many bytes have arrived
};

// Answers when everything written before has left the transmitter.
struct DrainRequest {
  static constexpr u32 kId = 3;
  using Reply = EmptyReply;
  u64 reserved = 0;
};

enum class Parity : u32 { kNone, kOdd, kEven };
// Line parameters. kInvalidArgument: not a rate the device can make.
struct SetLineRequest {
  static constexpr u32 kId = 4;
  using Reply = EmptyReply;
  u32 baud;
  u32 data_bits;  // 5..8
  u32 stop_bits;  // 1, 2
  Parity parity;
};

using ConsoleProtocol = Protocol<WriteRequest, ReadRequest, DrainRequest, SetLineRequest>;

}  // namespace hati::console
