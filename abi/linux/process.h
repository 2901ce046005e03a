// SPDX-License-Identifier: MIT
// Structures and constants of Linux's process calls on x86-64: clone, wait, limits, usage, system information (uapi linux/sched.h, wait.h, resource.h …).
#pragma once

#include "abi/linux/time.h"
#include "base/types.h"

namespace hati::linux {

enum CloneFlags : u64 {
  kCloneSignalMask = 0xff,
  kCloneVm = 0x100, kCloneFs = 0x200, kCloneFiles = 0x400, kCloneSighand = 0x800, kClonePidFd = 0x1000, kClonePtrace = 0x2000, kCloneVfork = 0x4000,
  kCloneParent = 0x8000, kCloneThread = 0x10000, kCloneNewNs = 0x20000, kCloneSysvSem = 0x40000, kCloneSetTls = 0x80000, kCloneParentSetTid = 0x100000,
  kCloneChildClearTid = 0x200000, kCloneDetached = 0x400000, kCloneUntraced = 0x800000, kCloneChildSetTid = 0x1000000, kCloneNewCgroup = 0x2000000,
  kCloneNewUts = 0x4000000, kCloneNewIpc = 0x8000000, kCloneNewUser = 0x10000000, kCloneNewPid = 0x20000000, kCloneNewNet = 0x40000000, kCloneIo = 0x80000000,
  kCloneClearSighand = 0x100000000, kCloneIntoCgroup = 0x200000000, kCloneNewTime = 0x80,
};
inline constexpr u64 kCloneNamespaces =
    kCloneNewNs | kCloneNewCgroup | kCloneNewUts | kCloneNewIpc | kCloneNewUser | kCloneNewPid | kCloneNewNet;

// struct clone_args of clone3(2), version 2.
struct CloneArguments {
  u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
static_assert(sizeof(CloneArguments) == 88);
inline constexpr u64 kCloneArgumentsMin = 64;

enum WaitOptions : u32 {
  kWaitNoHang = 1, kWaitUntraced = 2, kWaitStopped = 2, kWaitExited = 4, kWaitContinued = 8, kWaitNoWait = 0x01000000, kWaitNoThread = 0x20000000,
  kWaitAll = 0x40000000, kWaitClone = 0x80000000,
};
enum WaitIdType : i32 { kWaitIdAll = 0, kWaitIdPid = 1, kWaitIdGroup = 2, kWaitIdPidFd = 3 };

struct KernelRusage {
  KernelTimeval user, system;
  i64 peak_resident_kb, shared_resident, data_resident, stack_resident, minor_faults, major_faults, swaps, blocks_in, blocks_out, messages_sent,
      messages_received, signals, voluntary_switches, involuntary_switches;
};
static_assert(sizeof(KernelRusage) == 144);

struct KernelRlimit {
  u64 soft, hard;
};

struct KernelUtsname {
  char system[65], node[65], release[65], version[65], machine[65], domain[65];
};
static_assert(sizeof(KernelUtsname) == 390);

struct KernelSysinfo {
  i64 uptime;
  u64 loads[3];
  u64 total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
  u16 processes, pad;
  u32 pad2;
  u64 total_high, free_high;
  u32 unit;
  u32 pad3;
};
static_assert(sizeof(KernelSysinfo) == 112);

struct CapabilityHeader {
  u32 version;
  i32 pid;
};
struct CapabilityData {
  u32 effective, permitted, inheritable;
};
inline constexpr u32 kCapabilityVersion1 = 0x19980330, kCapabilityVersion2 = 0x20071026, kCapabilityVersion3 = 0x20080522;

struct SchedulerAttributes {
  u32 size, policy;
  u64 flags;
  i32 nice;
  u32 priority;
  u64 runtime, deadline, period;
  u32 util_min, util_max;
};
static_assert(sizeof(SchedulerAttributes) == 56);

}  // namespace hati::linux
