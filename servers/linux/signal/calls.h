// SPDX-License-Identifier: MIT
// System calls of signals: handlers for core/calls_process.def.
#pragma once

#include "abi/linux/signal.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/core/types.h"

namespace hati::linux {

struct KernelTimespec;

SysResult<i64> sys_rt_sigaction(Thread& thread, i32 signal, UserPtr<const SignalAction> action, UserPtr<SignalAction> old, u64 set_size);
SysResult<i64> sys_rt_sigprocmask(Thread& thread, i32 how, UserPtr<const SignalSet> set, UserPtr<SignalSet> old, u64 set_size);
SysResult<i64> sys_rt_sigreturn(Thread& thread);
SysResult<i64> sys_rt_sigpending(Thread& thread, UserAddress set, u64 set_size);
Task<SysResult<i64>> sys_rt_sigtimedwait(Thread& thread, UserPtr<const SignalSet> set, UserPtr<SignalInfo> info,
                                         UserPtr<const KernelTimespec> timeout, u64 set_size);
Task<SysResult<i64>> sys_rt_sigsuspend(Thread& thread, UserPtr<const SignalSet> set, u64 set_size);
Task<SysResult<i64>> sys_pause(Thread& thread);
SysResult<i64> sys_sigaltstack(Thread& thread, UserPtr<const SignalStack> stack, UserPtr<SignalStack> old);
SysResult<i64> sys_kill(Thread& thread, Pid pid, i32 signal);
SysResult<i64> sys_tkill(Thread& thread, Tid tid, i32 signal);
SysResult<i64> sys_tgkill(Thread& thread, Pid pid, Tid tid, i32 signal);
SysResult<i64> sys_rt_sigqueueinfo(Thread& thread, Pid pid, i32 signal, UserPtr<const SignalInfo> info);
SysResult<i64> sys_rt_tgsigqueueinfo(Thread& thread, Pid pid, Tid tid, i32 signal, UserPtr<const SignalInfo> info);

// sigaltstack(2) with the checks; `sp`: the program's stack pointer.
SysResult<> set_signal_stack(Thread& thread, const SignalStack& stack, u64 sp);

}  // namespace hati::linux
