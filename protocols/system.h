// SPDX-License-Identifier: MIT
// What init offers to the servers it started, on the channel they find under kStartupInit; and what it sends to servers that offer a
// service, on the channel they find under "listen".
#pragma once

#include "runtime/rpc.h"

namespace hati::system {

// Ends the system. kNoRight unless the manifest says `power = true`. No answer if it works.
struct PowerRequest {
  static constexpr u32 kId = 1;
  using Reply = EmptyReply;
  PowerAction action;
  u32 code;
};

// A new connection to a service that the manifest lists under `connect` or `may_connect` for this server; reply handle 0: the channel. Blocks while the
// service restarts. A server that dies meanwhile takes the new connection with it: calls on it end with kPeerClosed, then connect again.
// kNoRight: not listed. kNotFound: nobody offers it (any more).
struct ConnectRequest {
  static constexpr u32 kId = 2;
  using Reply = EmptyReply;
  char service[32];  // zero-terminated
  u32 instance = 0;  // which of the servers that offer it, in the order of the manifest and then of the devices; kNotFound after the last
  u32 reserved = 0;
};

// The boot image is not needed any more: init closes its handle once all servers that were given it have said so or ended.
struct ReleaseBootImageRequest {
  static constexpr u32 kId = 3;
  using Reply = EmptyReply;
  u64 reserved = 0;
};

// From a driver: it has reset its device, which touches no memory any more that an earlier instance of the driver told it of. Until then init keeps
// that memory from being used for anything else. kNoRight: not a driver of a device.
struct DeviceQuietRequest {
  static constexpr u32 kId = 4;
  using Reply = EmptyReply;
  u64 reserved = 0;
};

// Ends a server at once, as a crash would; what its manifest entry says about restarting applies. Such an end does not count against it. For tests of
// what survives that. kNoRight unless the manifest lists it under `may_end`; kNotFound: it is not running now.
struct EndServerRequest {
  static constexpr u32 kId = 5;
  using Reply = EmptyReply;
  char name[32];  // zero-terminated
};

using SystemProtocol = Protocol<PowerRequest, ConnectRequest, ReleaseBootImageRequest, DeviceQuietRequest, EndServerRequest>;

// init to a server that offers a service; handle 0: the server's end of a new client's channel. Sent, not called.
struct AcceptRequest {
  static constexpr u32 kId = 1;
  using Reply = EmptyReply;
  char service[32];
  char client[32];  // the server that connects
};
using ListenProtocol = Protocol<AcceptRequest>;

}  // namespace hati::system
