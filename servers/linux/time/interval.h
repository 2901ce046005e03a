// SPDX-License-Identifier: MIT
// A deadline with a period: the mechanism under itimers, POSIX timers and timerfd. Deadlines are on the monotonic clock, or on the wall clock, whose
// changes they follow. Setting is serialised by a lock of its own; the expiry runs on a worker, without locks.
#pragma once

#include "runtime/spinlock.h"
#include "runtime/timer.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/time/time.h"

namespace hati::linux {

class IntervalTimer : private Timer {
 public:
  // Called with the number of periods that passed (at least 1).
  using Expiry = void (*)(void* owner, u64 expirations);
  // `clock`: only timers of wall clocks may get settings on the wall clock.
  IntervalTimer(Expiry expiry, void* owner, i32 clock = kClockMonotonic);
  ~IntervalTimer();

  struct Setting {
    u64 deadline = kNever;  // absolute; kNever: off
    u64 interval = 0;       // 0: once
    bool wall = false;      // on the wall clock
  };
  // The former setting. Waits for an expiry in progress: not from the expiry itself, nor with a lock that it takes.
  Setting set(Setting setting) HATI_EXCLUDES(settings_lock_, lock_);
  Setting get() const HATI_EXCLUDES(lock_);
  void stop() { (void)set({}); }

 private:
  // A timer with a shorter period expires in bursts, so that no program can occupy a worker.
  static constexpr u64 kPeriodMin = 100'000;
  struct WallLink : CallbackLink {
    IntervalTimer* self = nullptr;
  };
  static void on_timer(Timer& timer);
  static void on_wall_changed(WaitLink& link, u32 events);
  static u64 to_monotonic_deadline(const Setting& setting);

  const Expiry expiry_;
  void* const owner_;
  WallLink wall_link_;
  SpinLock settings_lock_;   // setters; never taken by the expiry
  mutable SpinLock lock_;
  Setting setting_ HATI_GUARDED_BY(lock_);
};

// What a settime call means on a clock that is no CPU clock. value 0: off.
IntervalTimer::Setting make_setting(i32 clock, u64 value, u64 interval, bool absolute);
// it_value of gettime calls: the time left (at least 1 ns while it is armed).
KernelItimerspec describe(const IntervalTimer::Setting& setting);

}  // namespace hati::linux
