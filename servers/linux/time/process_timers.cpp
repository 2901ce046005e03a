// SPDX-License-Identifier: MIT
// Timers of a process (time/process_timers.h).
#include "servers/linux/time/process_timers.h"

#include <algorithm>
#include <vector>

#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/time/clocks.h"

namespace hati::linux {
namespace {

constexpr i32 kTimersMax = 4096;
constexpr u64 kWatchMin = 1'000'000;

// How many periods of a CPU timer have passed; moves its deadline on.
u64 advance(u64& deadline, u64 interval, u64 now) {
  if (now < deadline) return 0;
  if (interval == 0) {
    deadline = kNever;
    return 1;
  }
  const u64 periods = 1 + (now - deadline) / interval;
  deadline += periods * interval;
  return periods;
}

u64 timer_cpu_time(const PosixTimer& timer, u64 process_time) {
  if (timer.clock == kClockProcessCpu || timer.event.thread_id == 0) return process_time;
  const Ref<Thread> target = timer.process.world.processes().find_thread(timer.event.thread_id);
  if (!target) return 0;
  const Thread::CpuTime time = target->cpu_time();
  return time.user_ns + time.system_ns;
}

}  // namespace

PosixTimer::PosixTimer(Process& p, i32 number, i32 on, const SignalEvent& e) : process(p), id(number), clock(on), event(e), timer(&expire, this) {}

void PosixTimer::expire(void* self, u64 expirations) { static_cast<PosixTimer*>(self)->fire(expirations); }

void PosixTimer::fire(u64 expirations) {
  if (event.notify == kNotifyNone) return;
  {
    // One signal of a timer is pending at a time; more expirations count as its overrun.
    SpinGuard guard(process.signals.lock);
    SignalInfo* pending = process.signals.pending.find_timer(event.signal, id);
    for (auto thread = process.threads.begin(); pending == nullptr && thread != process.threads.end(); ++thread)
      pending = (*thread)->signals.pending.find_timer(event.signal, id);
    if (pending != nullptr) {
      pending->set_timer(id, static_cast<i32>(std::min<u64>(static_cast<u64>(pending->overrun()) + expirations, 0x7fff'ffff)));
      return;
    }
  }
  SignalInfo info{.signal = event.signal, .code = kSiTimer};
  info.set_timer(id, static_cast<i32>(std::min<u64>(expirations - 1, 0x7fff'ffff)));
  info.set_value(event.value);
  if (event.notify == kNotifyThreadId) {
    if (const Ref<Thread> target = process.world.processes().find_thread(event.thread_id)) (void)send_signal(*target, info);
  } else {
    (void)send_signal(process, info);
  }
}

void ProcessTimers::make_real(Process& process) {
  SpinGuard guard(lock_);
  if (!real_) real_ = std::make_unique<IntervalTimer>(&real_expired, &process);
}

void ProcessTimers::real_expired(void* owner, u64) {
  auto& process = *static_cast<Process*>(owner);
  (void)send_signal(process, kernel_signal(kSigAlrm));
}

ProcessTimers::Value ProcessTimers::get(Process& process, Which which) {
  if (which == kReal) {
    IntervalTimer::Setting setting;
    {
      SpinGuard guard(lock_);
      if (!real_) return {};
      setting = real_->get();
    }
    if (setting.deadline == kNever) return {};
    return {std::max<u64>(remaining(setting.deadline), 1), setting.interval};
  }
  const u64 now = process.cpu_time_ns();
  SpinGuard guard(lock_);
  const CpuTimer& timer = cpu_[which - 1];
  if (timer.deadline == kNever) return {};
  return {timer.deadline > now ? timer.deadline - now : 1, timer.interval};
}

ProcessTimers::Value ProcessTimers::set(Process& process, Which which, Value value) {
  const Value old = get(process, which);
  if (which == kReal) {
    make_real(process);
    IntervalTimer* real;
    {
      SpinGuard guard(lock_);
      real = real_.get();  // lives as long as the process
    }
    real->set({value.value == 0 ? kNever : deadline_after(value.value), value.interval});
    return old;
  }
  const u64 now = process.cpu_time_ns();
  {
    SpinGuard guard(lock_);
    cpu_[which - 1] = {value.value == 0 ? kNever : now + value.value, value.interval};
  }
  watch(process);
  return old;
}

SysResult<i32> ProcessTimers::create(Process& process, i32 clock, const SignalEvent& event) {
  SpinGuard guard(lock_);
  if (posix_.size() >= static_cast<usize>(kTimersMax) || stopped_) return fail(Errno::kAGAIN);
  while (posix_.contains(next_id_)) next_id_ = next_id_ == 0x7fff'ffff ? 0 : next_id_ + 1;
  const i32 id = next_id_;
  next_id_ = next_id_ == 0x7fff'ffff ? 0 : next_id_ + 1;
  SignalEvent full = event;
  if (full.notify == -1) full = {.value = static_cast<u64>(id), .signal = kSigAlrm, .notify = kNotifySignal, .thread_id = 0, .reserved = {}};
  posix_.emplace(id, std::make_shared<PosixTimer>(process, id, clock, full));
  return id;
}

std::shared_ptr<PosixTimer> ProcessTimers::find(i32 id) const {
  SpinGuard guard(lock_);
  const auto found = posix_.find(id);
  return found == posix_.end() ? nullptr : found->second;
}

bool ProcessTimers::remove(i32 id) {
  std::shared_ptr<PosixTimer> timer;
  {
    SpinGuard guard(lock_);
    const auto found = posix_.find(id);
    if (found == posix_.end()) return false;
    timer = std::move(found->second);
    posix_.erase(found);
  }
  timer->timer.stop();
  return true;
}

void ProcessTimers::watch_expired(void* owner, u64) {
  // Not here: setting the watch again must not wait for this very expiry. A thread that runs does it when it has trapped.
  for (const Ref<Thread>& thread : static_cast<Process*>(owner)->get_threads()) thread->set_work(kWorkTimer);
}

void ProcessTimers::check_cpu(Process& process) {
  const u64 now = process.cpu_time_ns();
  const ResourceLimit limit = process.limit_pair(kLimitCpu);
  const auto seconds = [](u64 s) { return s >= kNsMax / kNsPerSecond ? kNever : s * kNsPerSecond; };
  std::array<u64, 2> fired{};
  std::vector<std::pair<std::shared_ptr<PosixTimer>, u64>> timers;
  bool warn = false, kill = false;
  u64 next = kNever;
  IntervalTimer* watch = nullptr;
  {
    std::vector<std::shared_ptr<PosixTimer>> cpu_timers;
    SpinGuard guard(lock_);
    if (stopped_) return;
    for (usize i = 0; i < cpu_.size(); ++i) {
      fired[i] = advance(cpu_[i].deadline, cpu_[i].interval, now);
      next = std::min(next, cpu_[i].deadline == kNever ? kNever : cpu_[i].deadline - now);
    }
    for (const auto& [id, timer] : posix_) {
      if (timer->cpu_deadline == kNever) continue;
      const u64 time = timer_cpu_time(*timer, now);
      if (const u64 count = advance(timer->cpu_deadline, timer->cpu_interval, time)) timers.emplace_back(timer, count);
      if (timer->cpu_deadline != kNever) next = std::min(next, timer->cpu_deadline - time);
    }
    if (limit.soft != kUnlimited) {
      kill = now >= seconds(limit.hard);
      const u64 soft = std::max(seconds(limit.soft), limit_warned_at_ == 0 ? 0 : limit_warned_at_ + kNsPerSecond);
      warn = !kill && now >= soft;
      if (warn) limit_warned_at_ = now;
      next = std::min(next, warn || now >= soft ? kNsPerSecond : soft - now);
    }
    if (next != kNever && !watch_) watch_ = std::make_unique<IntervalTimer>(&watch_expired, &process);
    watch = watch_.get();
  }
  if (fired[0] != 0) (void)send_signal(process, kernel_signal(kSigVtAlrm));
  if (fired[1] != 0) (void)send_signal(process, kernel_signal(kSigProf));
  for (auto& [timer, count] : timers) timer->fire(count);
  if (kill) {
    (void)send_signal(process, kernel_signal(kSigKill));
  } else if (warn) {
    (void)send_signal(process, kernel_signal(kSigXcpu));
  }
  if (watch == nullptr) return;
  const u64 threads = std::max<u32>(process.live.load(std::memory_order_relaxed), 1);
  watch->set({next == kNever ? kNever : deadline_after(std::max(next / threads, kWatchMin)), 0});
}

void ProcessTimers::exec() {
  std::map<i32, std::shared_ptr<PosixTimer>> timers;
  {
    SpinGuard guard(lock_);
    timers.swap(posix_);
  }
  for (auto& [id, timer] : timers) timer->timer.stop();
}

void ProcessTimers::stop(Process& process) {
  IntervalTimer* real = nullptr;
  IntervalTimer* watch = nullptr;
  {
    SpinGuard guard(lock_);
    stopped_ = true;
    real = real_.get();
    watch = watch_.get();
  }
  exec();
  if (real != nullptr) real->stop();
  if (watch != nullptr) watch->stop();
}

}  // namespace hati::linux
