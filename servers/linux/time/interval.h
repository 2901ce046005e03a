// SPDX-License-Identifier: MIT
// A deadline with a period, on the monotonic clock: the mechanism under itimers, POSIX timers and timerfd. Setting it is serialised by its own lock;
// the expiry runs on a worker, without locks.
#pragma once

#include "runtime/spinlock.h"
#include "runtime/timer.h"
#include "servers/linux/time/time.h"

namespace hati::linux {

class IntervalTimer : private Timer {
 public:
  // Called with the number of periods that passed (at least 1).
  using Expiry = void (*)(void* owner, u64 expirations);
  IntervalTimer(Expiry expiry, void* owner) : Timer(&on_timer), expiry_(expiry), owner_(owner) {}

  struct Setting {
    u64 deadline = kNever;  // absolute; kNever: off
    u64 interval = 0;       // 0: once
  };
  // The former setting.
  Setting set(Setting setting) HATI_EXCLUDES(settings_lock_, lock_);
  Setting get() const HATI_EXCLUDES(lock_);
  void stop() { (void)set({}); }

 private:
  // A period shorter than this is served in bursts, so that no program can occupy a worker.
  static constexpr u64 kPeriodMin = 100'000;
  static void on_timer(Timer& timer);

  const Expiry expiry_;
  void* const owner_;
  SpinLock settings_lock_;   // setters; never taken by the expiry
  mutable SpinLock lock_;
  Setting setting_ HATI_GUARDED_BY(lock_);
};

// it_value of gettimer calls: time left (at least 1 ns while it is armed).
KernelItimerspec describe(const IntervalTimer::Setting& setting);

}  // namespace hati::linux
