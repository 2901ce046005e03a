// SPDX-License-Identifier: MIT
// Log lines about system calls: every call with `hati.strace` on the command line, and each unknown number once.
#pragma once

#include "servers/linux/core/syscall.h"

namespace hati::linux {

void trace_enter(Thread& thread, const char* name, const CallArguments& arguments);
void trace_leave(Thread& thread, const char* name, const SysResult<i64>& result);
void note_unknown_call(Thread& thread, u64 number);
// An option of a known call that is not implemented: logged once per (call, value).
void note_unknown_option(Thread& thread, const char* call, u64 value);

}  // namespace hati::linux
