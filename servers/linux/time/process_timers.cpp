// SPDX-License-Identifier: MIT
// Timers of a process (time/process_timers.h): interval timers and POSIX timers.
#include "servers/linux/time/process_timers.h"

#include <algorithm>

#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/time/clocks.h"

namespace hati::linux {
namespace {

constexpr i32 kTimersMax = 4096;

// The queued signal of a timer, wherever in the process it waits.
SignalInfo* find_pending(Process& process, i32 signal, i32 id) HATI_REQUIRES(process.signals.lock) {
  if (SignalInfo* info = process.signals.pending.find_timer(signal, id)) return info;
  for (const Ref<Thread>& thread : process.threads)
    if (SignalInfo* info = thread->signals.pending.find_timer(signal, id)) return info;
  return nullptr;
}

}  // namespace

PosixTimer::PosixTimer(Process& p, i32 number, i32 on, const SignalEvent& e)
    : process(p), id(number), clock(on), event(e), timer(&expire, this, on) {}

void PosixTimer::expire(void* self, u64 expirations) { static_cast<PosixTimer*>(self)->fire(expirations); }

void PosixTimer::fire(u64 expirations) {
  if (event.notify == kNotifyNone) return;
  {
    // One signal of a timer is pending at a time; more expirations count as its overrun.
    SpinGuard guard(process.signals.lock);
    if (SignalInfo* pending = find_pending(process, event.signal, id)) {
      pending->set_timer(id, add_overruns(pending->overrun(), expirations));
      return;
    }
  }
  SignalInfo info{.signal = event.signal, .code = kSiTimer};
  info.set_timer(id, add_overruns(0, expirations - 1));
  info.set_value(event.value);
  if (event.notify != kNotifyThreadId) {
    (void)send_signal(process, info);
    return;
  }
  // The number may be another process's by now.
  const Ref<Thread> target = process.world.processes().find_thread(event.thread_id);
  if (target && &target->process() == &process) (void)send_signal(*target, info);
}

void ProcessTimers::real_expired(void* owner, u64) { (void)send_signal(*static_cast<Process*>(owner), kernel_signal(kSigAlrm)); }

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
    auto fresh = std::make_unique<IntervalTimer>(&real_expired, &process);
    IntervalTimer* real;
    {
      SpinGuard guard(lock_);
      if (!real_) real_ = std::move(fresh);
      real = real_.get();  // lives as long as the process
    }
    real->set(make_setting(kClockMonotonic, value.value, value.interval, false));
    return old;
  }
  const u64 now = process.cpu_time_ns();
  {
    SpinGuard guard(lock_);
    cpu_[which - 1] = {value.value == 0 ? kNever : add_saturated(now, value.value), value.interval};
  }
  check_cpu(process);
  return old;
}

SysResult<i32> ProcessTimers::create(Process& process, i32 clock, const SignalEvent& event) {
  i32 id;
  {
    SpinGuard guard(lock_);
    if (posix_.size() >= static_cast<usize>(kTimersMax) || stopped_) return fail(Errno::kAGAIN);
    do {
      id = next_id_;
      next_id_ = next_id_ == 0x7fff'ffff ? 0 : next_id_ + 1;
    } while (posix_.contains(id));
  }
  SignalEvent full = event;
  if (full.notify == -1) full = {.value = static_cast<u64>(id), .signal = kSigAlrm, .notify = kNotifySignal, .thread_id = 0, .reserved = {}};
  auto timer = std::make_shared<PosixTimer>(process, id, clock, full);
  SpinGuard guard(lock_);
  posix_.emplace(id, std::move(timer));
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

void ProcessTimers::exec() {
  std::map<i32, std::shared_ptr<PosixTimer>> timers;
  {
    SpinGuard guard(lock_);
    timers.swap(posix_);
  }
  for (auto& [id, timer] : timers) timer->timer.stop();
}

void ProcessTimers::stop(Process&) {
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
