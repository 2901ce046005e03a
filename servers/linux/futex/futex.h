// SPDX-License-Identifier: MIT
// Futexes (futex(2), futex(7)): sleepers in a hash table, found by (address space, address) or, where memory is shared between processes, by
// (memory object, offset). The word is compared under the bucket's lock, so no wake-up is lost.
#pragma once

#include "abi/linux/time.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/core/thread.h"

namespace hati::linux {

// Wakes at most `count` sleepers on the word; how many. For exit (clear_child_tid) and robust lists. The word may be shared.
u32 futex_wake(Mm& mm, u64 address, u32 count);
// The robust list of an ending thread (get_robust_list(2), Documentation/robust-futexes).
void exit_robust_list(Thread& thread);

Task<SysResult<i64>> sys_futex(Thread& thread, u64 address, i32 operation, u32 value, u64 timeout, u64 address2, u32 value3);
// All that does not sleep.
SysResult<i64> sys_futex_fast(Thread& thread, u64 address, i32 operation, u32 value, u64 timeout, u64 address2, u32 value3);
SysResult<i64> sys_set_robust_list(Thread& thread, u64 head, u64 size);
SysResult<i64> sys_get_robust_list(Thread& thread, i32 tid, UserPtr<u64> head, UserPtr<u64> size);

}  // namespace hati::linux
