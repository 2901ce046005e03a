// SPDX-License-Identifier: MIT
// Processes: limits, references for others, sums of usage (process/process.h).
#include "servers/linux/process/process.h"

#include "servers/linux/time/process_timers.h"

namespace hati::linux {
namespace {

constexpr u64 kMiB = u64{1} << 20;

// include/asm-generic/resource.h and what Linux computes at boot for the rest.
std::array<ResourceLimit, kResourceLimitCount> initial_limits() {
  std::array<ResourceLimit, kResourceLimitCount> limits;
  limits.fill({kUnlimited, kUnlimited});
  SystemInfo info{};
  (void)call::system_info(info);
  // As many threads as an eighth of the memory holds stacks for; half of them for one user.
  const u64 threads = std::max<u64>(info.memory_total / (8 * 16384), 64);
  limits[kLimitStack] = {8 * kMiB, kUnlimited};
  limits[kLimitCore] = {0, kUnlimited};
  limits[kLimitProcesses] = {threads / 2, threads / 2};
  limits[kLimitFiles] = {1024, 4096};
  limits[kLimitMemlock] = {8 * kMiB, 8 * kMiB};
  limits[kLimitSigPending] = {threads / 2, threads / 2};
  limits[kLimitMsgQueue] = {819200, 819200};
  limits[kLimitNice] = {0, 0};
  limits[kLimitRtPriority] = {0, 0};
  return limits;
}

}  // namespace

void Usage::add(const Usage& other) {
  user_ns += other.user_ns;
  system_ns += other.system_ns;
  minor_faults += other.minor_faults;
  major_faults += other.major_faults;
  voluntary_switches += other.voluntary_switches;
  involuntary_switches += other.involuntary_switches;
  peak_resident_kb = std::max(peak_resident_kb, other.peak_resident_kb);
}

Process::Process(World& w, Pid id) : pid(id), world(w), timers(std::make_unique<ProcessTimers>()), limits(initial_limits()) {}

void Process::destroy(Process* process) { delete process; }

u64 Process::limit(int resource) const { return limit_pair(resource).soft; }

ResourceLimit Process::limit_pair(int resource) const {
  SpinGuard guard(limits_lock);
  return limits[resource];
}

Ref<ProcessGroup> Process::get_group() const {
  SpinGuard guard(ProcessTable::lock);
  return group;
}

Ref<Session> Process::get_session() const {
  SpinGuard guard(ProcessTable::lock);
  if (!group) return {};
  return group->session;
}

Ref<Thread> Process::get_leader() const {
  SpinGuard guard(ProcessTable::lock);
  return leader;
}

std::vector<Ref<Thread>> Process::get_threads() const {
  SpinGuard guard(signals.lock);
  return {threads.begin(), threads.end()};
}

Usage Process::usage() const {
  Usage sum;
  {
    SpinGuard guard(ProcessTable::lock);
    sum = dead_threads;
  }
  for (const Ref<Thread>& thread : get_threads()) {
    const Thread::CpuTime time = thread->cpu_time();
    Usage one{.user_ns = time.user_ns, .system_ns = time.system_ns};
    one.voluntary_switches = thread->voluntary_switches.load(std::memory_order_relaxed);
    sum.add(one);
  }
  if (const Ref<Thread> first = get_leader()) {
    if (const Ref<Mm> mm = first->get_mm()) {
      if (const auto info = mm->space().space_info()) {
        sum.minor_faults += info->minor_faults;
        sum.major_faults += info->major_faults;
        sum.peak_resident_kb = std::max<u64>(sum.peak_resident_kb, info->peak_resident_bytes / 1024);
      }
    }
  }
  return sum;
}

u64 Process::cpu_time_ns() const {
  u64 sum;
  {
    SpinGuard guard(ProcessTable::lock);
    sum = dead_threads.user_ns + dead_threads.system_ns;
  }
  for (const Ref<Thread>& thread : get_threads()) {
    const Thread::CpuTime time = thread->cpu_time();
    sum += time.user_ns + time.system_ns;
  }
  return sum;
}

}  // namespace hati::linux
