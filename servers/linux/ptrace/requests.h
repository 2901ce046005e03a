// SPDX-License-Identifier: MIT
// Families of ptrace(2) requests: inside ptrace/ only. The tracee is stopped and held by its tracer, `thread`.
#pragma once

#include "servers/linux/core/thread.h"

namespace hati::linux {

SysResult<i64> register_request(Thread& thread, Thread& tracee, u64 request, u64 address, u64 data);  // register_requests.cpp
SysResult<i64> signal_request(Thread& thread, Thread& tracee, u64 request, u64 address, u64 data);    // signal_requests.cpp
// PTRACE_GET_SYSCALL_INFO: the size of what there is, of which at most `size` bytes are written.
SysResult<i64> syscall_info(Thread& thread, Thread& tracee, u64 size, u64 data);                      // signal_requests.cpp

}  // namespace hati::linux
