// SPDX-License-Identifier: MIT
// System calls of processes: handlers for core/calls_process.def.
#pragma once

#include "abi/linux/process.h"
#include "abi/linux/signal.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/core/types.h"

namespace hati::linux {

// fork.cpp, exit.cpp, wait.cpp
Task<SysResult<i64>> sys_clone(Thread& thread, u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls);
Task<SysResult<i64>> sys_fork(Thread& thread);
Task<SysResult<i64>> sys_vfork(Thread& thread);
Task<SysResult<i64>> sys_clone3(Thread& thread, u64 arguments, u64 size);
SysResult<i64> sys_exit(Thread& thread, i32 code);
SysResult<i64> sys_exit_group(Thread& thread, i32 code);
Task<SysResult<i64>> sys_wait4(Thread& thread, Pid pid, UserPtr<i32> status, u32 options, UserPtr<KernelRusage> usage);
Task<SysResult<i64>> sys_waitid(Thread& thread, i32 type, Pid id, UserPtr<SignalInfo> info, u32 options, UserPtr<KernelRusage> usage);

// group.cpp
SysResult<i64> sys_setpgid(Thread& thread, Pid pid, Pid group);
SysResult<i64> sys_getpgid(Thread& thread, Pid pid);
SysResult<i64> sys_getpgrp(Thread& thread);
SysResult<i64> sys_setsid(Thread& thread);
SysResult<i64> sys_getsid(Thread& thread, Pid pid);

// identity.cpp
SysResult<i64> sys_getpid(Thread& thread);
SysResult<i64> sys_gettid(Thread& thread);
SysResult<i64> sys_getppid(Thread& thread);
SysResult<i64> sys_getuid(Thread& thread);
SysResult<i64> sys_geteuid(Thread& thread);
SysResult<i64> sys_getgid(Thread& thread);
SysResult<i64> sys_getegid(Thread& thread);
SysResult<i64> sys_getresuid(Thread& thread, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved);
SysResult<i64> sys_getresgid(Thread& thread, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved);
SysResult<i64> sys_setuid(Thread& thread, u32 uid);
SysResult<i64> sys_setgid(Thread& thread, u32 gid);
SysResult<i64> sys_setreuid(Thread& thread, u32 real, u32 effective);
SysResult<i64> sys_setregid(Thread& thread, u32 real, u32 effective);
SysResult<i64> sys_setresuid(Thread& thread, u32 real, u32 effective, u32 saved);
SysResult<i64> sys_setresgid(Thread& thread, u32 real, u32 effective, u32 saved);
SysResult<i64> sys_setfsuid(Thread& thread, u32 uid);
SysResult<i64> sys_setfsgid(Thread& thread, u32 gid);
SysResult<i64> sys_getgroups(Thread& thread, i32 count, UserPtr<u32> list);
SysResult<i64> sys_setgroups(Thread& thread, i32 count, UserPtr<const u32> list);
SysResult<i64> sys_capget(Thread& thread, UserPtr<CapabilityHeader> header, UserPtr<CapabilityData> data);
SysResult<i64> sys_capset(Thread& thread, UserPtr<CapabilityHeader> header, UserPtr<const CapabilityData> data);

// prctl.cpp
SysResult<i64> sys_prctl(Thread& thread, i32 option, u64 a, u64 b, u64 c, u64 d);
SysResult<i64> sys_arch_prctl(Thread& thread, u32 option, u64 address);
SysResult<i64> sys_set_tid_address(Thread& thread, u64 address);
SysResult<i64> sys_personality(Thread& thread, u32 persona);

// limits.cpp
SysResult<i64> sys_getrlimit(Thread& thread, u32 resource, UserPtr<KernelRlimit> limit);
SysResult<i64> sys_setrlimit(Thread& thread, u32 resource, UserPtr<const KernelRlimit> limit);
SysResult<i64> sys_prlimit64(Thread& thread, Pid pid, u32 resource, UserPtr<const KernelRlimit> limit, UserPtr<KernelRlimit> old);
SysResult<i64> sys_getrusage(Thread& thread, i32 who, UserPtr<KernelRusage> usage);
SysResult<i64> sys_times(Thread& thread, UserPtr<KernelTms> times);

// schedule.cpp
SysResult<i64> sys_getpriority(Thread& thread, i32 which, i32 who);
SysResult<i64> sys_setpriority(Thread& thread, i32 which, i32 who, i32 nice);
SysResult<i64> sys_sched_yield(Thread& thread);
SysResult<i64> sys_sched_setscheduler(Thread& thread, Pid pid, i32 policy, UserPtr<const i32> parameter);
SysResult<i64> sys_sched_getscheduler(Thread& thread, Pid pid);
SysResult<i64> sys_sched_setparam(Thread& thread, Pid pid, UserPtr<const i32> parameter);
SysResult<i64> sys_sched_getparam(Thread& thread, Pid pid, UserPtr<i32> parameter);
SysResult<i64> sys_sched_get_priority_max(Thread& thread, i32 policy);
SysResult<i64> sys_sched_get_priority_min(Thread& thread, i32 policy);
SysResult<i64> sys_sched_rr_get_interval(Thread& thread, Pid pid, UserPtr<KernelTimespec> interval);
SysResult<i64> sys_sched_setaffinity(Thread& thread, Pid pid, u32 size, UserAddress mask);
SysResult<i64> sys_sched_getaffinity(Thread& thread, Pid pid, u32 size, UserAddress mask);
SysResult<i64> sys_sched_setattr(Thread& thread, Pid pid, UserAddress attributes, u32 flags);
SysResult<i64> sys_sched_getattr(Thread& thread, Pid pid, UserAddress attributes, u32 size, u32 flags);
SysResult<i64> sys_ioprio_get(Thread& thread, i32 which, i32 who);
SysResult<i64> sys_ioprio_set(Thread& thread, i32 which, i32 who, i32 priority);
SysResult<i64> sys_rseq(Thread& thread, u64 area, u32 bytes, u32 flags, u32 signature);
SysResult<i64> sys_getcpu(Thread& thread, UserPtr<u32> cpu, UserPtr<u32> node);

// system.cpp
SysResult<i64> sys_uname(Thread& thread, UserPtr<KernelUtsname> name);
SysResult<i64> sys_sethostname(Thread& thread, UserPtr<const char> name, i64 length);
SysResult<i64> sys_setdomainname(Thread& thread, UserPtr<const char> name, i64 length);
SysResult<i64> sys_sysinfo(Thread& thread, UserPtr<KernelSysinfo> info);
SysResult<i64> sys_getrandom(Thread& thread, UserAddress buffer, u64 bytes, u32 flags);
SysResult<i64> sys_syslog(Thread& thread, i32 type, UserAddress buffer, i32 bytes);
Task<SysResult<i64>> sys_reboot(Thread& thread, u32 magic1, u32 magic2, u32 command, UserPtr<const char> argument);
SysResult<i64> sys_unshare(Thread& thread, u64 flags);
SysResult<i64> sys_setns(Thread& thread, Fd fd, u64 type);

}  // namespace hati::linux
