// SPDX-License-Identifier: MIT
// Periodic deadlines (time/interval.h).
#include "servers/linux/time/interval.h"

#include <algorithm>

namespace hati::linux {

IntervalTimer::Setting IntervalTimer::set(Setting setting) {
  SpinGuard serial(settings_lock_);
  cancel();  // waits for an expiry in progress, which may arm the timer again only before this returns
  Setting old;
  {
    SpinGuard guard(lock_);
    old = std::exchange(setting_, setting);
  }
  if (setting.deadline != kNever) arm(setting.deadline);
  return old;
}

IntervalTimer::Setting IntervalTimer::get() const {
  SpinGuard guard(lock_);
  return setting_;
}

void IntervalTimer::on_timer(Timer& timer) {
  auto& self = static_cast<IntervalTimer&>(timer);
  const u64 now = now_ns();
  u64 expirations = 1;
  u64 next = kNever;
  {
    SpinGuard guard(self.lock_);
    Setting& setting = self.setting_;
    if (setting.deadline == kNever) return;
    if (setting.interval == 0) {
      setting.deadline = kNever;
    } else {
      const u64 late = now > setting.deadline ? now - setting.deadline : 0;
      expirations += late / setting.interval;
      setting.deadline += expirations * setting.interval;
      next = std::max(setting.deadline, now + std::min(kPeriodMin, setting.interval * 64));
    }
  }
  if (next != kNever) self.arm(next);
  self.expiry_(self.owner_, expirations);
}

KernelItimerspec describe(const IntervalTimer::Setting& setting) {
  KernelItimerspec result;
  result.interval = to_timespec(setting.interval);
  if (setting.deadline != kNever) {
    const u64 now = now_ns();
    result.value = to_timespec(setting.deadline > now ? setting.deadline - now : 1);
  }
  return result;
}

}  // namespace hati::linux
