// SPDX-License-Identifier: MIT
// Linux's structures of poll(2), select(2), epoll(7), signalfd(2), timerfd(2).
#pragma once

#include "base/types.h"

namespace hati::linux {

struct UserPollFd {
  i32 fd;
  i16 events;
  i16 returned;
};
static_assert(sizeof(UserPollFd) == 8);

// struct signalfd_siginfo.
struct UserSignalFdInfo {
  u32 signal;
  i32 error;
  i32 code;
  u32 pid;
  u32 uid;
  i32 fd;
  u32 timer_id;
  u32 band;
  u32 overrun;
  u32 trap_number;
  i32 status;
  i32 integer;
  u64 pointer;
  u64 user_time;
  u64 system_time;
  u64 address;
  u16 address_lsb;
  u16 padding;
  i32 syscall;
  u64 call_address;
  u32 architecture;
  u8 padding2[28];
};
static_assert(sizeof(UserSignalFdInfo) == 128);

}  // namespace hati::linux
