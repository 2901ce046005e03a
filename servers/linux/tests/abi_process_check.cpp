// SPDX-License-Identifier: MIT
// abi/linux/process.h and rseq.h against linux/sched.h, wait.h, resource.h, utsname.h, sysinfo.h, capability.h, rseq.h.
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/rseq.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include <linux/wait.h>

#include "abi/linux/process.h"
#include "abi/linux/rseq.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kCloneSignalMask, CSIGNAL);
EQUAL(kCloneVm, CLONE_VM);
EQUAL(kCloneFs, CLONE_FS);
EQUAL(kCloneFiles, CLONE_FILES);
EQUAL(kCloneSighand, CLONE_SIGHAND);
EQUAL(kClonePidFd, CLONE_PIDFD);
EQUAL(kClonePtrace, CLONE_PTRACE);
EQUAL(kCloneVfork, CLONE_VFORK);
EQUAL(kCloneParent, CLONE_PARENT);
EQUAL(kCloneThread, CLONE_THREAD);
EQUAL(kCloneNewNs, CLONE_NEWNS);
EQUAL(kCloneSysvSem, CLONE_SYSVSEM);
EQUAL(kCloneSetTls, CLONE_SETTLS);
EQUAL(kCloneParentSetTid, CLONE_PARENT_SETTID);
EQUAL(kCloneChildClearTid, CLONE_CHILD_CLEARTID);
EQUAL(kCloneDetached, CLONE_DETACHED);
EQUAL(kCloneUntraced, CLONE_UNTRACED);
EQUAL(kCloneChildSetTid, CLONE_CHILD_SETTID);
EQUAL(kCloneNewCgroup, CLONE_NEWCGROUP);
EQUAL(kCloneNewUts, CLONE_NEWUTS);
EQUAL(kCloneNewIpc, CLONE_NEWIPC);
EQUAL(kCloneNewUser, CLONE_NEWUSER);
EQUAL(kCloneNewPid, CLONE_NEWPID);
EQUAL(kCloneNewNet, CLONE_NEWNET);
EQUAL(kCloneIo, CLONE_IO);
EQUAL(kCloneNewTime, CLONE_NEWTIME);
static_assert(kCloneClearSighand == CLONE_CLEAR_SIGHAND && kCloneIntoCgroup == CLONE_INTO_CGROUP);

using TheirClone = struct ::clone_args;
SAME_SIZE(CloneArguments, TheirClone);
SAME(CloneArguments, flags, TheirClone, flags);
SAME(CloneArguments, pidfd, TheirClone, pidfd);
SAME(CloneArguments, child_tid, TheirClone, child_tid);
SAME(CloneArguments, parent_tid, TheirClone, parent_tid);
SAME(CloneArguments, exit_signal, TheirClone, exit_signal);
SAME(CloneArguments, stack, TheirClone, stack);
SAME(CloneArguments, stack_size, TheirClone, stack_size);
SAME(CloneArguments, tls, TheirClone, tls);
SAME(CloneArguments, set_tid, TheirClone, set_tid);
SAME(CloneArguments, set_tid_size, TheirClone, set_tid_size);
SAME(CloneArguments, cgroup, TheirClone, cgroup);
EQUAL(kCloneArgumentsMin, CLONE_ARGS_SIZE_VER0);

EQUAL(kWaitNoHang, WNOHANG);
EQUAL(kWaitUntraced, WUNTRACED);
EQUAL(kWaitStopped, WSTOPPED);
EQUAL(kWaitExited, WEXITED);
EQUAL(kWaitContinued, WCONTINUED);
EQUAL(kWaitNoWait, WNOWAIT);
EQUAL(kWaitNoThread, __WNOTHREAD);
EQUAL(kWaitAll, __WALL);
EQUAL(kWaitClone, __WCLONE);
EQUAL(kWaitIdAll, P_ALL);
EQUAL(kWaitIdPid, P_PID);
EQUAL(kWaitIdGroup, P_PGID);
EQUAL(kWaitIdPidFd, P_PIDFD);

using TheirUsage = struct ::rusage;
SAME_SIZE(KernelRusage, TheirUsage);
SAME(KernelRusage, user, TheirUsage, ru_utime);
SAME(KernelRusage, system, TheirUsage, ru_stime);
SAME(KernelRusage, peak_resident_kb, TheirUsage, ru_maxrss);
SAME(KernelRusage, shared_resident, TheirUsage, ru_ixrss);
SAME(KernelRusage, data_resident, TheirUsage, ru_idrss);
SAME(KernelRusage, stack_resident, TheirUsage, ru_isrss);
SAME(KernelRusage, minor_faults, TheirUsage, ru_minflt);
SAME(KernelRusage, major_faults, TheirUsage, ru_majflt);
SAME(KernelRusage, swaps, TheirUsage, ru_nswap);
SAME(KernelRusage, blocks_in, TheirUsage, ru_inblock);
SAME(KernelRusage, blocks_out, TheirUsage, ru_oublock);
SAME(KernelRusage, messages_sent, TheirUsage, ru_msgsnd);
SAME(KernelRusage, messages_received, TheirUsage, ru_msgrcv);
SAME(KernelRusage, signals, TheirUsage, ru_nsignals);
SAME(KernelRusage, voluntary_switches, TheirUsage, ru_nvcsw);
SAME(KernelRusage, involuntary_switches, TheirUsage, ru_nivcsw);

using TheirLimit = struct ::rlimit64;
SAME_SIZE(KernelRlimit, TheirLimit);
SAME(KernelRlimit, soft, TheirLimit, rlim_cur);
SAME(KernelRlimit, hard, TheirLimit, rlim_max);

using TheirName = struct ::new_utsname;
SAME_SIZE(KernelUtsname, TheirName);
SAME(KernelUtsname, system, TheirName, sysname);
SAME(KernelUtsname, node, TheirName, nodename);
SAME(KernelUtsname, release, TheirName, release);
SAME(KernelUtsname, version, TheirName, version);
SAME(KernelUtsname, machine, TheirName, machine);
SAME(KernelUtsname, domain, TheirName, domainname);

using TheirSysinfo = struct ::sysinfo;
SAME_SIZE(KernelSysinfo, TheirSysinfo);
SAME(KernelSysinfo, uptime, TheirSysinfo, uptime);
SAME(KernelSysinfo, loads, TheirSysinfo, loads);
SAME(KernelSysinfo, total_ram, TheirSysinfo, totalram);
SAME(KernelSysinfo, free_ram, TheirSysinfo, freeram);
SAME(KernelSysinfo, shared_ram, TheirSysinfo, sharedram);
SAME(KernelSysinfo, buffer_ram, TheirSysinfo, bufferram);
SAME(KernelSysinfo, total_swap, TheirSysinfo, totalswap);
SAME(KernelSysinfo, free_swap, TheirSysinfo, freeswap);
SAME(KernelSysinfo, processes, TheirSysinfo, procs);
SAME(KernelSysinfo, total_high, TheirSysinfo, totalhigh);
SAME(KernelSysinfo, free_high, TheirSysinfo, freehigh);
SAME(KernelSysinfo, unit, TheirSysinfo, mem_unit);

using TheirCapHeader = struct ::__user_cap_header_struct;
SAME_SIZE(CapabilityHeader, TheirCapHeader);
SAME(CapabilityHeader, version, TheirCapHeader, version);
SAME(CapabilityHeader, pid, TheirCapHeader, pid);
using TheirCapData = struct ::__user_cap_data_struct;
SAME_SIZE(CapabilityData, TheirCapData);
SAME(CapabilityData, effective, TheirCapData, effective);
SAME(CapabilityData, permitted, TheirCapData, permitted);
SAME(CapabilityData, inheritable, TheirCapData, inheritable);
EQUAL(kCapabilityVersion1, _LINUX_CAPABILITY_VERSION_1);
EQUAL(kCapabilityVersion2, _LINUX_CAPABILITY_VERSION_2);
EQUAL(kCapabilityVersion3, _LINUX_CAPABILITY_VERSION_3);

using TheirScheduler = struct ::sched_attr;
SAME_SIZE(SchedulerAttributes, TheirScheduler);
SAME(SchedulerAttributes, size, TheirScheduler, size);
SAME(SchedulerAttributes, policy, TheirScheduler, sched_policy);
SAME(SchedulerAttributes, flags, TheirScheduler, sched_flags);
SAME(SchedulerAttributes, nice, TheirScheduler, sched_nice);
SAME(SchedulerAttributes, priority, TheirScheduler, sched_priority);
SAME(SchedulerAttributes, runtime, TheirScheduler, sched_runtime);
SAME(SchedulerAttributes, deadline, TheirScheduler, sched_deadline);
SAME(SchedulerAttributes, period, TheirScheduler, sched_period);
SAME(SchedulerAttributes, util_min, TheirScheduler, sched_util_min);
SAME(SchedulerAttributes, util_max, TheirScheduler, sched_util_max);

using TheirArea = struct ::rseq;
static_assert(kSequenceAreaBytes == 32 && kSequenceAreaAlign == alignof(TheirArea) && sizeof(TheirArea) >= kSequenceAreaBytes);
SAME(SequenceArea, cpu_start, TheirArea, cpu_id_start);
SAME(SequenceArea, cpu, TheirArea, cpu_id);
SAME(SequenceArea, section, TheirArea, rseq_cs);
SAME(SequenceArea, flags, TheirArea, flags);
using TheirSection = struct ::rseq_cs;
SAME_SIZE(SequenceSection, TheirSection);
SAME(SequenceSection, version, TheirSection, version);
SAME(SequenceSection, flags, TheirSection, flags);
SAME(SequenceSection, start, TheirSection, start_ip);
SAME(SequenceSection, length, TheirSection, post_commit_offset);
SAME(SequenceSection, abort, TheirSection, abort_ip);
EQUAL(kSequenceUnregister, RSEQ_FLAG_UNREGISTER);
EQUAL(kSequenceNoCpu, RSEQ_CPU_ID_UNINITIALIZED);

}  // namespace hati::linux
