// SPDX-License-Identifier: MIT
// The device: buffers and interrupt handling. One worker runs everything here, so there are no locks; what waits are coroutines.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>

#include "base/bits.h"
#include "protocols/console.h"
#include "runtime/async/mutex.h"
#include "runtime/async/wait_list.h"
#include "runtime/handle.h"

namespace hati::uart {

// A byte ring of fixed size. Each change takes effect with one store, so that a driver may die anywhere.
template <usize kCapacity>
class ByteRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  u64 head() const { return head_.load(std::memory_order_relaxed); }  // bytes that ever went out
  u64 tail() const { return tail_.load(std::memory_order_relaxed); }  // bytes that ever came in
  usize size() const { return std::min<u64>(tail() - head(), kCapacity); }
  usize room() const { return kCapacity - size(); }
  bool empty() const { return size() == 0; }
  void push(u8 byte) {
    bytes_[tail() % kCapacity] = byte;
    tail_.store(tail() + 1, std::memory_order_release);
  }
  u8 peek(usize index) const { return bytes_[(head() + index) % kCapacity]; }
  void drop(usize count) { head_.store(head() + count, std::memory_order_release); }

 private:
  std::array<u8, kCapacity> bytes_;
  std::atomic<u64> head_{0}, tail_{0};
};

// One direction of a client's stream: positions in it are those of the ring plus `origin`.
struct Stream {
  std::atomic<u64> number{0}, origin{0};

  // The client says that it is at `position`, the ring is at `ring_position`. Where the client is by what we know; a stream that is new begins here.
  u64 meet(u64 stream, u64 position, u64 ring_position) {
    if (number.load(std::memory_order_relaxed) != stream) {
      origin.store(position - ring_position, std::memory_order_release);
      number.store(stream, std::memory_order_release);
    }
    return origin.load(std::memory_order_relaxed) + ring_position;
  }
};

// What outlives the driver. All zeroes is a good beginning.
struct Buffers {
  static constexpr usize kReceiveBytes = 8192, kTransmitBytes = 16384;
  ByteRing<kReceiveBytes> received;
  ByteRing<kTransmitBytes> to_send;
  Stream reading, writing;
};

class Uart {
 public:
  // `buffers` outlives the device.
  Uart(PortRange ports, Interrupt interrupt, Buffers& buffers)
      : ports_(std::move(ports)),
        interrupt_(std::move(interrupt)),
        received_(buffers.received),
        to_send_(buffers.to_send),
        reading_stream_(buffers.reading),
        writing_stream_(buffers.writing) {}

  // FIFOs on, receive interrupts on; what is in them or in the buffers stays. The line parameters stay as they are. kIo: there is no 16550.
  Result<void> open();
  // Serves interrupts until cancelled.
  Task<void> run();

  // The calls of protocols/console.h; any number of clients share the device.
  Task<Result<console::WriteReply>> on(console::WriteRequest request, CallContext& context);
  Task<Result<console::ReadReply>> on(console::ReadRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(console::DrainRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(console::SetLineRequest request, CallContext& context);

 private:
  Result<void> service();  // everything the device has to say now
  Result<void> receive();
  Result<void> transmit();  // fills the FIFO; asks for an interrupt if more is left
  Result<void> enable_interrupts(bool transmitter);

  const PortRange ports_;
  const Interrupt interrupt_;
  ByteRing<Buffers::kReceiveBytes>& received_;
  ByteRing<Buffers::kTransmitBytes>& to_send_;
  Stream &reading_stream_, &writing_stream_;
  u32 overrun_ = 0, breaks_ = 0;
  bool transmitter_interrupt_ = false;
  bool reading_ = false;
  async::WaitList input_, room_;
  async::Mutex writer_;  // one message after the other
};

}  // namespace hati::uart
