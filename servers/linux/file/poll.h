// SPDX-License-Identifier: MIT
// Time-outs and temporary signal masks, as poll(2), select(2) and epoll_wait(2) share them.
#pragma once

#include <optional>

#include "abi/linux/stat.h"
#include "servers/linux/core/thread.h"

namespace hati::linux {

// Absolute deadlines: kNever for none, 0 for "do not wait".
u64 deadline_after_ms(i64 ms);  // negative: kNever
SysResult<u64> deadline_after(const UserTimespec& time);
// A timespec in the program; null: kNever.
SysResult<u64> deadline_of(Thread& thread, UserPtr<UserTimespec> time);
// Writes how much of it is left.
void put_remaining(Thread& thread, UserPtr<UserTimespec> to, u64 deadline);

// The mask argument of ppoll(2) and the like; null: none. kINVAL if bytes is not 8.
SysResult<std::optional<u64>> get_signal_mask(Thread& thread, UserPtr<const u64> mask, u64 bytes);

}  // namespace hati::linux
