// SPDX-License-Identifier: MIT
// getrlimit(2), prlimit(2), getrusage(2), times(2).
#include "servers/linux/process/limits.h"

#include "servers/linux/core/services.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/usage.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/time/process_timers.h"
#include "servers/linux/time/time.h"

namespace hati::linux {
namespace {

constexpr u64 kOpenFilesMax = 1048576;  // /proc/sys/fs/nr_open

SysResult<Ref<Process>> limit_target(Thread& thread, Pid pid) {
  if (pid == 0 || pid == thread.process().pid) return Ref(thread.process());
  const Ref<Thread> other = thread.world().processes().find_thread(pid);
  if (!other) return fail(Errno::kSRCH);
  const Credentials& mine = thread.cred();
  const Ref<const Credentials> theirs = other->credentials();
  const bool same = mine.uid == theirs->euid && mine.uid == theirs->suid && mine.uid == theirs->uid && mine.gid == theirs->egid &&
                    mine.gid == theirs->sgid && mine.gid == theirs->gid;
  if (!same && !mine.capable(kCapSysResource)) return fail(Errno::kPERM);
  return Ref(other->process());
}

SysResult<> change_limit(Thread& thread, Process& process, u32 resource, const KernelRlimit& fresh) {
  if (fresh.soft > fresh.hard) return fail(Errno::kINVAL);
  if (resource == kLimitFiles && fresh.hard > kOpenFilesMax) return fail(Errno::kPERM);
  {
    SpinGuard guard(process.limits_lock);
    ResourceLimit& limit = process.limits[resource];
    if (fresh.hard > limit.hard && !thread.capable(kCapSysResource)) return fail(Errno::kPERM);
    limit = {fresh.soft, fresh.hard};
  }
  if (resource == kLimitAddressSpace)
    if (const Ref<Thread> leader = process.get_leader())
      if (const Ref<Mm> mm = leader->get_mm()) apply_memory_limits(process, *mm);
  if (resource == kLimitCpu) process.timers->limit_changed(process);
  return {};
}

}  // namespace

void apply_memory_limits(const Process& process, const Mm& mm) { (void)mm.space().set_limit(SpaceLimit::kVirtual, process.limit(kLimitAddressSpace)); }

SysResult<u64> check_file_size(Thread& thread, u64 offset, u64 bytes) {
  const u64 limit = thread.process().limit(kLimitFileSize);
  if (limit == kUnlimited || bytes == 0) return bytes;
  if (offset >= limit) {
    raise_signal(thread, kSigXfsz);
    return fail(Errno::kFBIG);
  }
  return std::min(bytes, limit - offset);
}

SysResult<i64> sys_prlimit64(Thread& thread, Pid pid, u32 resource, UserPtr<const KernelRlimit> limit, UserPtr<KernelRlimit> old) {
  if (resource >= kResourceLimitCount) return fail(Errno::kINVAL);
  KernelRlimit fresh{};
  if (limit) fresh = TRY(thread.memory().get(limit));
  const Ref<Process> process = TRY(limit_target(thread, pid));
  const ResourceLimit before = process->limit_pair(static_cast<int>(resource));
  if (limit) TRY(change_limit(thread, *process, resource, fresh));
  if (old) TRY(thread.memory().put(old, KernelRlimit{before.soft, before.hard}));
  return 0;
}

SysResult<i64> sys_getrlimit(Thread& thread, u32 resource, UserPtr<KernelRlimit> limit) {
  if (resource >= kResourceLimitCount) return fail(Errno::kINVAL);
  const ResourceLimit value = thread.process().limit_pair(static_cast<int>(resource));
  TRY(thread.memory().put(limit, KernelRlimit{value.soft, value.hard}));
  return 0;
}

SysResult<i64> sys_setrlimit(Thread& thread, u32 resource, UserPtr<const KernelRlimit> limit) {
  const KernelRlimit fresh = TRY(thread.memory().get(limit));
  if (resource >= kResourceLimitCount) return fail(Errno::kINVAL);
  TRY(change_limit(thread, thread.process(), resource, fresh));
  return 0;
}

KernelRusage to_rusage(const Usage& usage) {
  KernelRusage result{};
  result.user = to_timeval(usage.user_ns);
  result.system = to_timeval(usage.system_ns);
  result.peak_resident_kb = static_cast<i64>(usage.peak_resident_kb);
  result.minor_faults = static_cast<i64>(usage.minor_faults);
  result.major_faults = static_cast<i64>(usage.major_faults);
  result.voluntary_switches = static_cast<i64>(usage.voluntary_switches);
  result.involuntary_switches = static_cast<i64>(usage.involuntary_switches);
  return result;
}

namespace {

Usage children_usage(Process& process) {
  SpinGuard guard(ProcessTable::lock);
  return process.dead_children;
}

}  // namespace

SysResult<i64> sys_getrusage(Thread& thread, i32 who, UserPtr<KernelRusage> to) {
  constexpr i32 kSelf = 0, kChildren = -1, kThread = 1;
  Usage usage;
  if (who == kSelf) {
    usage = thread.process().usage();
  } else if (who == kChildren) {
    usage = children_usage(thread.process());
  } else if (who == kThread) {
    const Thread::CpuTime time = thread.cpu_time();
    usage = {.user_ns = time.user_ns, .system_ns = time.system_ns};
    usage.voluntary_switches = thread.voluntary_switches.load(std::memory_order_relaxed);
  } else {
    return fail(Errno::kINVAL);
  }
  TRY(thread.memory().put(to, to_rusage(usage)));
  return 0;
}

SysResult<i64> sys_times(Thread& thread, UserPtr<KernelTms> to) {
  const auto ticks = [](u64 ns) { return static_cast<i64>(ns / (kNsPerSecond / kTicksPerSecond)); };
  if (to) {
    const Usage own = thread.process().usage();
    const Usage children = children_usage(thread.process());
    TRY(thread.memory().put(to, KernelTms{ticks(own.user_ns), ticks(own.system_ns), ticks(children.user_ns), ticks(children.system_ns)}));
  }
  return ticks(monotonic_ns());
}

}  // namespace hati::linux
