// SPDX-License-Identifier: MIT
// CPU-time timers and limits of a process (time/process_timers.h): ITIMER_VIRTUAL, ITIMER_PROF, POSIX timers on CPU clocks, RLIMIT_CPU. CPU time passes only
// while a thread runs, so the watch makes threads look (kWorkTimer); one that sleeps looks when it goes back to its program.
#include <algorithm>

#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/time/clocks.h"
#include "servers/linux/time/process_timers.h"

namespace hati::linux {
namespace {

constexpr u64 kWatchMin = 1'000'000;

}  // namespace

void ProcessTimers::watch_expired(void* owner, u64) {
  // Not check_cpu() here: setting the watch again would wait for this very expiry.
  for (const Ref<Thread>& thread : static_cast<Process*>(owner)->get_threads()) thread->set_work(kWorkTimer);
}

ProcessTimers::TimerList ProcessTimers::cpu_timers() const {
  TimerList list;
  SpinGuard guard(lock_);
  for (const auto& [id, timer] : posix_)
    if (timer->cpu_deadline != kNever) list.push_back(timer);
  return list;
}

void ProcessTimers::pass_itimers(u64 now, Due& due) {
  due.virtual_alarm = count_periods(cpu_[0].deadline, cpu_[0].interval, now) != 0;
  due.profile = count_periods(cpu_[1].deadline, cpu_[1].interval, now) != 0;
  for (const CpuTimer& timer : cpu_)
    if (timer.deadline != kNever) due.next = std::min(due.next, timer.deadline - now);
}

// SIGXCPU at the soft limit and at each second beyond, SIGKILL at the hard one.
void ProcessTimers::pass_limit(const Process& process, u64 now, Due& due) {
  const ResourceLimit limit = process.limit_pair(kLimitCpu);
  if (limit.soft == kUnlimited) return;
  const auto in_ns = [](u64 seconds) { return std::min(std::max<u64>(seconds, 1), kNsMax / kNsPerSecond) * kNsPerSecond; };
  due.kill = limit.hard != kUnlimited && now >= in_ns(limit.hard);
  const u64 soft = std::max(in_ns(limit.soft), limit_warned_at_ == 0 ? 0 : limit_warned_at_ + kNsPerSecond);
  due.warn = !due.kill && now >= soft;
  if (due.warn) limit_warned_at_ = now;
  due.next = std::min(due.next, now >= soft ? kNsPerSecond : soft - now);
}

void ProcessTimers::check_cpu(Process& process) {
  // Reading clocks takes other locks, so it comes first.
  const u64 now = process.cpu_time_ns();
  std::vector<std::pair<std::shared_ptr<PosixTimer>, u64>> timers;
  for (std::shared_ptr<PosixTimer>& timer : cpu_timers()) {
    const u64 time = read_cpu_clock(process.world, timer->clock).value_or(0);
    timers.emplace_back(std::move(timer), time);
  }
  Due due;
  {
    auto fresh = std::make_unique<IntervalTimer>(&watch_expired, &process);
    SpinGuard serial(watch_lock_);
    IntervalTimer* watch;
    {
      SpinGuard guard(lock_);
      if (stopped_) return;
      pass_itimers(now, due);
      for (auto& [timer, time] : timers) {
        const u64 count = count_periods(timer->cpu_deadline, timer->cpu_interval, time);
        if (timer->cpu_deadline != kNever) due.next = std::min(due.next, timer->cpu_deadline - time);
        if (count != 0) due.timers.emplace_back(timer, count);
      }
      pass_limit(process, now, due);
      if (due.next != kNever && !watch_) watch_ = std::move(fresh);
      watch = watch_.get();
    }
    const u64 parallel = std::clamp<u64>(process.live.load(std::memory_order_relaxed), 1, process.world.cpu_count);
    if (watch != nullptr) watch->set({.deadline = due.next == kNever ? kNever : deadline_after(std::max(due.next / parallel, kWatchMin))});
  }
  if (due.virtual_alarm) (void)send_signal(process, kernel_signal(kSigVtAlrm));
  if (due.profile) (void)send_signal(process, kernel_signal(kSigProf));
  for (auto& [timer, count] : due.timers) timer->fire(count);
  if (due.kill) (void)send_signal(process, kernel_signal(kSigKill));
  if (due.warn) (void)send_signal(process, kernel_signal(kSigXcpu));
}

void ProcessTimers::set_cpu(Process& process, PosixTimer& timer, u64 deadline, u64 interval) {
  {
    SpinGuard guard(lock_);
    timer.cpu_deadline = deadline;
    timer.cpu_interval = interval;
  }
  check_cpu(process);
}

}  // namespace hati::linux
