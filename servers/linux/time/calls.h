// SPDX-License-Identifier: MIT
// System calls of time: handlers for core/calls_process.def.
#pragma once

#include "abi/linux/time.h"
#include "servers/linux/core/syscall.h"

namespace hati::linux {

SysResult<i64> sys_clock_gettime(Thread& thread, i32 clock, UserPtr<KernelTimespec> time);
SysResult<i64> sys_clock_getres(Thread& thread, i32 clock, UserPtr<KernelTimespec> resolution);
SysResult<i64> sys_clock_settime(Thread& thread, i32 clock, UserPtr<const KernelTimespec> time);
SysResult<i64> sys_adjtimex(Thread& thread, UserPtr<KernelTimex> state);
SysResult<i64> sys_clock_adjtime(Thread& thread, i32 clock, UserPtr<KernelTimex> state);
SysResult<i64> sys_gettimeofday(Thread& thread, UserPtr<KernelTimeval> time, UserPtr<KernelTimezone> zone);
SysResult<i64> sys_settimeofday(Thread& thread, UserPtr<const KernelTimeval> time, UserPtr<const KernelTimezone> zone);
SysResult<i64> sys_time(Thread& thread, UserPtr<i64> seconds);
Task<SysResult<i64>> sys_nanosleep(Thread& thread, UserPtr<const KernelTimespec> time, UserPtr<KernelTimespec> rest);
Task<SysResult<i64>> sys_clock_nanosleep(Thread& thread, i32 clock, i32 flags, UserPtr<const KernelTimespec> time, UserPtr<KernelTimespec> rest);
Task<SysResult<i64>> sys_restart_syscall(Thread& thread);

SysResult<i64> sys_getitimer(Thread& thread, i32 which, UserPtr<KernelItimerval> value);
SysResult<i64> sys_setitimer(Thread& thread, i32 which, UserPtr<const KernelItimerval> value, UserPtr<KernelItimerval> old);
SysResult<i64> sys_alarm(Thread& thread, u32 seconds);
SysResult<i64> sys_timer_create(Thread& thread, i32 clock, UserPtr<const SignalEvent> event, UserPtr<i32> id);
SysResult<i64> sys_timer_settime(Thread& thread, i32 id, i32 flags, UserPtr<const KernelItimerspec> value, UserPtr<KernelItimerspec> old);
SysResult<i64> sys_timer_gettime(Thread& thread, i32 id, UserPtr<KernelItimerspec> value);
SysResult<i64> sys_timer_getoverrun(Thread& thread, i32 id);
SysResult<i64> sys_timer_delete(Thread& thread, i32 id);
SysResult<i64> sys_timerfd_create(Thread& thread, i32 clock, u32 flags);
SysResult<i64> sys_timerfd_settime(Thread& thread, Fd fd, i32 flags, UserPtr<const KernelItimerspec> value, UserPtr<KernelItimerspec> old);
SysResult<i64> sys_timerfd_gettime(Thread& thread, Fd fd, UserPtr<KernelItimerspec> value);

}  // namespace hati::linux
