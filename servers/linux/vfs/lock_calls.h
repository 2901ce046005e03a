// SPDX-License-Identifier: MIT
// The lock commands of fcntl(2).
#pragma once

#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"

namespace hati::linux {

enum LockCommand : u32 { kGetLock = 5, kSetLock = 6, kSetLockWait = 7, kOfdGetLock = 36, kOfdSetLock = 37, kOfdSetLockWait = 38 };
constexpr bool is_lock_command(u32 command) {
  return (command >= kGetLock && command <= kSetLockWait) || (command >= kOfdGetLock && command <= kOfdSetLockWait);
}

Task<SysResult<i64>> record_lock_command(Thread& thread, Ref<File> file, u32 command, u64 address);

}  // namespace hati::linux
