// SPDX-License-Identifier: MIT
// What the calls on sockets share.
#pragma once

#include "servers/linux/core/syscall.h"
#include "servers/linux/socket/unix.h"

namespace hati::linux {

inline constexpr u32 kAddressMax = 110;  // sizeof(struct sockaddr_un)

// A descriptor's socket; the file keeps it.
struct SocketRef {
  Ref<File> file;
  SocketFile* socket;
};
SysResult<SocketRef> socket_of(Thread& thread, Fd fd);  // kBADF, kNOTSOCK

// Addresses are kept as in sockaddr_un: family and path.
SysResult<std::string> get_address(Thread& thread, UserAddress from, u32 bytes);
SysResult<> put_address(Thread& thread, UserAddress to, UserPtr<i32> length, const std::string& address);
// Whom an address names; kCONNREFUSED if nobody.
Task<SysResult<Ref<UnixEnd>>> socket_target(Thread& thread, std::string address);

}  // namespace hati::linux
