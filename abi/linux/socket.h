// SPDX-License-Identifier: MIT
// Linux's structures and constants of sockets, as far as AF_UNIX needs them. Compared with the real headers by
// servers/linux/tests/abi_test.cpp.
#pragma once

#include "base/types.h"

namespace hati::linux {

enum AddressFamily : u16 { kAfUnspecified = 0, kAfUnix = 1 };
enum SocketType : u32 { kSockStream = 1, kSockDatagram = 2, kSockSequenced = 5, kSockNonBlock = 04000, kSockCloseOnExec = 02000000 };
enum MessageFlags : u32 {
  kMsgOob = 1,
  kMsgPeek = 2,
  kMsgControlTruncated = 8,
  kMsgTruncated = 0x20,
  kMsgDontWait = 0x40,
  kMsgEndOfRecord = 0x80,
  kMsgWaitAll = 0x100,
  kMsgNoSignal = 0x4000,
  kMsgCloseOnExec = 0x40000000,
};
enum ShutdownHow : u32 { kShutRead = 0, kShutWrite = 1, kShutBoth = 2 };

// struct msghdr.
struct UserMessage {
  u64 name;
  u32 name_bytes;
  u32 padding;
  u64 vector;
  u64 vector_count;
  u64 control;
  u64 control_bytes;
  u32 flags;
  u32 padding2;
};
static_assert(sizeof(UserMessage) == 56);

// struct mmsghdr.
struct UserMultiMessage {
  UserMessage message;
  u32 length;
  u32 padding;
};
static_assert(sizeof(UserMultiMessage) == 64);

// struct cmsghdr; data follows.
struct ControlHeader {
  u64 bytes;
  i32 level;
  i32 type;
};
static_assert(sizeof(ControlHeader) == 16);
inline constexpr i32 kSolSocket = 1;
inline constexpr i32 kScmRights = 1;
inline constexpr i32 kScmCredentials = 2;
inline constexpr u32 kScmMaxFds = 253;

// struct ucred.
struct UserCredentials {
  i32 pid;
  u32 uid;
  u32 gid;
};
static_assert(sizeof(UserCredentials) == 12);

enum SocketOption : i32 {
  kSoReuseAddr = 2,
  kSoType = 3,
  kSoError = 4,
  kSoDontRoute = 5,
  kSoBroadcast = 6,
  kSoSndBuf = 7,
  kSoRcvBuf = 8,
  kSoKeepAlive = 9,
  kSoPriority = 12,
  kSoLinger = 13,
  kSoReusePort = 15,
  kSoPassCred = 16,
  kSoPeerCred = 17,
  kSoRcvTimeO = 20,
  kSoSndTimeO = 21,
  kSoTimestamp = 29,
  kSoAcceptConn = 30,
  kSoSndBufForce = 32,
  kSoRcvBufForce = 33,
  kSoPassSec = 34,
  kSoProtocol = 38,
  kSoDomain = 39,
  kSoPeerGroups = 59,
};

}  // namespace hati::linux
