// SPDX-License-Identifier: MIT
// System calls of debuggers: handlers for core/calls_process.def.
#pragma once

#include "servers/linux/core/syscall.h"
#include "servers/linux/core/types.h"

namespace hati::linux {

SysResult<i64> sys_ptrace(Thread& thread, u64 request, i32 pid, u64 address, u64 data);
SysResult<i64> sys_process_vm_readv(Thread& thread, i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count, u64 flags);
SysResult<i64> sys_process_vm_writev(Thread& thread, i32 pid, u64 local, u64 local_count, u64 remote, u64 remote_count, u64 flags);
SysResult<i64> sys_kcmp(Thread& thread, i32 first, i32 second, i32 type, u64 a, u64 b);

}  // namespace hati::linux
