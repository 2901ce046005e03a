// SPDX-License-Identifier: MIT
// execve(2), execveat(2), and the start of the first program.
#pragma once

#include "servers/linux/core/syscall.h"
#include "servers/linux/exec/stack_image.h"

namespace hati::linux {

// Replaces the thread's program. An error leaves the old one untouched, except that the thread may have been told to end.
Task<SysResult<>> execute(Thread& thread, i32 dirfd, std::string path, StringList arguments, StringList environment, u32 flags);

Task<SysResult<i64>> sys_execve(Thread& thread, UserPtr<const char> path, u64 arguments, u64 environment);
Task<SysResult<i64>> sys_execveat(Thread& thread, i32 dirfd, UserPtr<const char> path, u64 arguments, u64 environment, u32 flags);

}  // namespace hati::linux
