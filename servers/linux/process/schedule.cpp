// SPDX-License-Identifier: MIT
// sched_setscheduler(2), sched_setaffinity(2), setpriority(2), ioprio_set(2), getcpu(2) and relatives.
#include "servers/linux/process/schedule.h"

#include <algorithm>
#include <cstring>

#include "servers/linux/process/calls.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

enum Policy : u32 { kOther = 0, kFifo = 1, kRoundRobin = 2, kBatch = 3, kIdle = 5, kDeadline = 6 };
constexpr u32 kResetOnFork = 0x40000000;
constexpr u64 kRoundRobinSlice = 100'000'000;

bool realtime(u32 policy) { return policy == kFifo || policy == kRoundRobin; }
bool known(u32 policy) { return policy == kOther || realtime(policy) || policy == kBatch || policy == kIdle; }

SysResult<Ref<Thread>> find(Thread& thread, Pid pid) {
  if (pid < 0) return fail(Errno::kINVAL);
  if (pid == 0) return Ref(thread);
  Ref<Thread> other = thread.world().processes().find_thread(pid);
  if (!other) return fail(Errno::kSRCH);
  return other;
}

bool may_change(Thread& thread, Thread& target) {
  const Ref<const Credentials> theirs = target.credentials();
  const Credentials& mine = thread.cred();
  return mine.euid == theirs->euid || mine.euid == theirs->uid || mine.capable(kCapSysNice);
}

Thread::Scheduling read(Thread& thread) {
  SpinGuard guard(thread.lock());
  return thread.scheduling;
}

SysResult<> set_policy(Thread& thread, Thread& target, u32 policy, i32 priority, std::optional<i32> nice) {
  const bool reset = (policy & kResetOnFork) != 0;
  policy &= ~kResetOnFork;
  if (!known(policy)) return fail(Errno::kINVAL);
  if (realtime(policy) ? priority < 1 || priority > 99 : priority != 0) return fail(Errno::kINVAL);
  if (!may_change(thread, target)) return fail(Errno::kPERM);
  if (realtime(policy) && !thread.capable(kCapSysNice)) {
    const u64 limit = target.process().limit(kLimitRtPriority);
    if (static_cast<u64>(priority) > limit) return fail(Errno::kPERM);
  }
  {
    SpinGuard guard(target.lock());
    target.scheduling.policy = policy;
    target.scheduling.priority = priority;
    target.scheduling.reset_on_fork = reset;
    if (nice) target.scheduling.nice = *nice;
  }
  apply_scheduling(target);
  return {};
}

u64 possible_cpus(const Thread& thread) { return thread.world().cpu_count >= 64 ? ~u64{0} : (u64{1} << thread.world().cpu_count) - 1; }

}  // namespace

void apply_scheduling(Thread& thread) {
  SpinGuard guard(thread.lock());
  if (!thread.native()) return;
  const Thread::Scheduling s = thread.scheduling;
  const ThreadHandle& native = thread.native().handle();
  const u64 priority = realtime(s.policy) ? kPriorityRealtimeMin + static_cast<u64>(s.priority) - 1 : kPriorityFair;
  (void)native.control(ThreadProperty::kPriority, priority);
  if (s.policy == kRoundRobin) (void)native.control(ThreadProperty::kTimeSlice, kRoundRobinSlice);
  (void)native.control(ThreadProperty::kNice, static_cast<u64>(static_cast<i64>(s.policy == kIdle ? 19 : s.nice)));
  (void)native.control(ThreadProperty::kAffinity, s.affinity);
}

void inherit_scheduling(Thread& parent, Thread& child) {
  Thread::Scheduling s = read(parent);
  if (s.reset_on_fork) {
    s.policy = realtime(s.policy) ? u32{kOther} : s.policy;
    s.priority = 0;
    s.nice = std::max(s.nice, 0);
    s.reset_on_fork = false;
  }
  {
    SpinGuard guard(child.lock());
    child.scheduling = s;
  }
  if (s.policy != kOther || s.nice != 0 || s.affinity != ~u64{0}) apply_scheduling(child);
}

SysResult<i64> sys_sched_yield(Thread& thread) {
  // The thread goes to the end of its queue when it is resumed: the worker gives way here.
  call::thread_yield();
  return 0;
}

SysResult<i64> sys_sched_setscheduler(Thread& thread, Pid pid, i32 policy, UserPtr<const i32> parameter) {
  if (policy < 0 || !parameter || pid < 0) return fail(Errno::kINVAL);
  const i32 priority = TRY(thread.memory().get(parameter));
  const Ref<Thread> target = TRY(find(thread, pid));
  TRY(set_policy(thread, *target, static_cast<u32>(policy), priority, std::nullopt));
  return 0;
}

SysResult<i64> sys_sched_getscheduler(Thread& thread, Pid pid) {
  const Ref<Thread> target = TRY(find(thread, pid));
  const Thread::Scheduling s = read(*target);
  return s.policy | (s.reset_on_fork ? kResetOnFork : 0);
}

SysResult<i64> sys_sched_setparam(Thread& thread, Pid pid, UserPtr<const i32> parameter) {
  if (!parameter || pid < 0) return fail(Errno::kINVAL);
  const i32 priority = TRY(thread.memory().get(parameter));
  const Ref<Thread> target = TRY(find(thread, pid));
  const Thread::Scheduling s = read(*target);
  TRY(set_policy(thread, *target, s.policy | (s.reset_on_fork ? kResetOnFork : 0), priority, std::nullopt));
  return 0;
}

SysResult<i64> sys_sched_getparam(Thread& thread, Pid pid, UserPtr<i32> parameter) {
  if (!parameter || pid < 0) return fail(Errno::kINVAL);
  const Ref<Thread> target = TRY(find(thread, pid));
  TRY(thread.memory().put(parameter, read(*target).priority));
  return 0;
}

SysResult<i64> sys_sched_get_priority_max(Thread&, i32 policy) {
  if (policy == kFifo || policy == kRoundRobin) return 99;
  if (policy == kDeadline || (policy >= 0 && known(static_cast<u32>(policy)))) return 0;
  return fail(Errno::kINVAL);
}

SysResult<i64> sys_sched_get_priority_min(Thread&, i32 policy) {
  if (policy == kFifo || policy == kRoundRobin) return 1;
  if (policy == kDeadline || (policy >= 0 && known(static_cast<u32>(policy)))) return 0;
  return fail(Errno::kINVAL);
}

SysResult<i64> sys_sched_rr_get_interval(Thread& thread, Pid pid, UserPtr<KernelTimespec> interval) {
  const Ref<Thread> target = TRY(find(thread, pid));
  const u32 policy = read(*target).policy;
  const u64 ns = policy == kRoundRobin ? kRoundRobinSlice : policy == kFifo ? 0 : 4'000'000;
  TRY(thread.memory().put(interval, KernelTimespec{0, static_cast<i64>(ns)}));
  return 0;
}

SysResult<i64> sys_sched_setaffinity(Thread& thread, Pid pid, u32 size, UserAddress address) {
  u64 mask = 0;
  TRY(thread.memory().read(address.address, &mask, std::min<u32>(size, sizeof mask)));
  const Ref<Thread> target = TRY(find(thread, pid));
  if (!may_change(thread, *target)) return fail(Errno::kPERM);
  mask &= possible_cpus(thread);
  if (mask == 0) return fail(Errno::kINVAL);
  {
    SpinGuard guard(target->lock());
    target->scheduling.affinity = mask;
  }
  apply_scheduling(*target);
  return 0;
}

SysResult<i64> sys_sched_getaffinity(Thread& thread, Pid pid, u32 size, UserAddress address) {
  if (size < sizeof(u64) || size % sizeof(u64) != 0) return fail(Errno::kINVAL);
  const Ref<Thread> target = TRY(find(thread, pid));
  const u64 mask = read(*target).affinity & possible_cpus(thread);
  TRY(thread.memory().write(address.address, &mask, sizeof mask));
  return sizeof mask;
}

SysResult<i64> sys_sched_setattr(Thread& thread, Pid pid, UserAddress address, u32 flags) {
  constexpr u32 kVersion0 = 48;
  if (!address || pid < 0 || flags != 0) return fail(Errno::kINVAL);
  u32 size = TRY(thread.memory().get(address.as<u32>()));
  if (size == 0) size = kVersion0;
  if (size < kVersion0 || size > kPageSize) return fail(Errno::kTOOBIG);
  SchedulerAttributes a{};
  TRY(thread.memory().read(address.address, &a, std::min<u32>(size, sizeof a)));
  const Ref<Thread> target = TRY(find(thread, pid));
  constexpr u64 kFlagResetOnFork = 1;
  if ((a.flags & ~kFlagResetOnFork) != 0 || a.policy == kDeadline) return fail(Errno::kINVAL);
  TRY(set_policy(thread, *target, a.policy | ((a.flags & kFlagResetOnFork) != 0 ? kResetOnFork : 0), static_cast<i32>(a.priority),
                 std::clamp(a.nice, -20, 19)));
  return 0;
}

SysResult<i64> sys_sched_getattr(Thread& thread, Pid pid, UserAddress address, u32 size, u32 flags) {
  constexpr u32 kVersion0 = 48;
  if (!address || pid < 0 || size < kVersion0 || size > kPageSize || flags != 0) return fail(Errno::kINVAL);
  const Ref<Thread> target = TRY(find(thread, pid));
  const Thread::Scheduling s = read(*target);
  SchedulerAttributes a{};
  a.size = std::min<u32>(size, sizeof a);
  a.policy = s.policy;
  a.flags = s.reset_on_fork ? 1 : 0;
  a.nice = realtime(s.policy) ? 0 : s.nice;
  a.priority = static_cast<u32>(s.priority);
  a.util_max = 1024;
  TRY(thread.memory().write(address.address, &a, a.size));
  return 0;
}

namespace {

// The threads that (which, who) of setpriority(2) means: the leaders of processes, or one thread.
SysResult<std::vector<Ref<Thread>>> select(Thread& thread, i32 which, i32 who) {
  enum { kProcess, kGroup, kUser };
  std::vector<Ref<Thread>> result;
  ProcessTable& table = thread.world().processes();
  if (which == kProcess) {
    if (Ref<Thread> one = who == 0 ? Ref(thread) : table.find_thread(who)) result.push_back(std::move(one));
  } else if (which == kGroup) {
    SpinGuard guard(ProcessTable::lock);
    const ProcessGroup* group = table.group(who == 0 ? thread.process().group_id() : who);
    if (group != nullptr)
      for (const Process* member : group->members) result.push_back(member->leader);
  } else if (which == kUser) {
    const u32 uid = who == 0 ? thread.cred().uid : static_cast<u32>(who);
    for (const Ref<Process>& process : table.list())
      if (Ref<Thread> leader = process->get_leader(); leader && leader->credentials()->uid == uid) result.push_back(std::move(leader));
  } else {
    return fail(Errno::kINVAL);
  }
  return result;
}

SysResult<> set_nice(Thread& thread, Thread& target, i32 nice) {
  const Ref<const Credentials> theirs = target.credentials();
  const Credentials& mine = thread.cred();
  if (theirs->uid != mine.euid && theirs->euid != mine.euid && !mine.capable(kCapSysNice)) return fail(Errno::kPERM);
  {
    const u64 limit = target.process().limit(kLimitNice);
    SpinGuard guard(target.lock());
    if (nice < target.scheduling.nice && static_cast<u64>(20 - nice) > limit && !mine.capable(kCapSysNice)) return fail(Errno::kACCES);
    target.scheduling.nice = nice;
  }
  apply_scheduling(target);
  return {};
}

}  // namespace

SysResult<i64> sys_getpriority(Thread& thread, i32 which, i32 who) {
  const auto targets = TRY(select(thread, which, who));
  if (targets.empty()) return fail(Errno::kSRCH);
  i32 best = 19;
  for (const Ref<Thread>& target : targets) best = std::min(best, read(*target).nice);
  return 20 - best;
}

SysResult<i64> sys_setpriority(Thread& thread, i32 which, i32 who, i32 nice) {
  const auto targets = TRY(select(thread, which, who));
  SysResult<> result = fail(Errno::kSRCH);
  for (const Ref<Thread>& target : targets) {
    const SysResult<> one = set_nice(thread, *target, std::clamp(nice, -20, 19));
    if (!one || result.error_or(Errno{}) == Errno::kSRCH) result = one;
  }
  if (!result) return fail(result.error());
  return 0;
}

SysResult<i64> sys_ioprio_get(Thread& thread, i32 which, i32 who) {
  if (which < 1 || which > 3) return fail(Errno::kINVAL);
  const auto targets = TRY(select(thread, which - 1, who));
  if (targets.empty()) return fail(Errno::kSRCH);
  return read(*targets.front()).io_priority;
}

SysResult<i64> sys_ioprio_set(Thread& thread, i32 which, i32 who, i32 priority) {
  const u32 io_class = static_cast<u32>(priority) >> 13;
  const u32 level = static_cast<u32>(priority) & 0x1fff;
  if (which < 1 || which > 3 || io_class > 3 || level > 7 || (io_class == 0 && level != 0)) return fail(Errno::kINVAL);
  if (io_class == 1 && !thread.capable(kCapSysAdmin) && !thread.capable(kCapSysNice)) return fail(Errno::kPERM);
  const auto targets = TRY(select(thread, which - 1, who));
  if (targets.empty()) return fail(Errno::kSRCH);
  for (const Ref<Thread>& target : targets) {
    if (!may_change(thread, *target)) return fail(Errno::kPERM);
    SpinGuard guard(target->lock());
    target->scheduling.io_priority = static_cast<u32>(priority);
  }
  return 0;
}

SysResult<i64> sys_getcpu(Thread& thread, UserPtr<u32> cpu, UserPtr<u32> node) {
  // The trap was taken by the worker of the CPU where the thread ran.
  if (cpu) TRY(thread.memory().put(cpu, Worker::current().index()));
  if (node) TRY(thread.memory().put(node, u32{0}));
  return 0;
}

}  // namespace hati::linux
