// SPDX-License-Identifier: MIT
// System calls of memory: handlers for core/calls_process.def.
#pragma once

#include "servers/linux/core/syscall.h"

namespace hati::linux {

SysResult<i64> sys_mmap_now(Thread& thread, u64 address, u64 bytes, u64 protection, u64 flags, Fd fd, u64 offset);
Task<SysResult<i64>> sys_mmap(Thread& thread, u64 address, u64 bytes, u64 protection, u64 flags, Fd fd, u64 offset);
SysResult<i64> sys_munmap(Thread& thread, u64 address, u64 bytes);
SysResult<i64> sys_mprotect(Thread& thread, u64 address, u64 bytes, u64 protection);
SysResult<i64> sys_mremap(Thread& thread, u64 address, u64 old_bytes, u64 new_bytes, u64 flags, u64 new_address);
SysResult<i64> sys_brk(Thread& thread, u64 end);
SysResult<i64> sys_madvise(Thread& thread, u64 address, u64 bytes, i32 advice);
SysResult<i64> sys_mincore(Thread& thread, u64 address, u64 bytes, UserAddress vector);
Task<SysResult<i64>> sys_msync(Thread& thread, u64 address, u64 bytes, i32 flags);
SysResult<i64> sys_mlock(Thread& thread, u64 address, u64 bytes);
SysResult<i64> sys_mlock2(Thread& thread, u64 address, u64 bytes, u32 flags);
SysResult<i64> sys_munlock(Thread& thread, u64 address, u64 bytes);
SysResult<i64> sys_mlockall(Thread& thread, u32 flags);
SysResult<i64> sys_munlockall(Thread& thread);

Task<SysResult<i64>> sys_membarrier(Thread& thread, i32 command, u32 flags, i32 cpu);

}  // namespace hati::linux
