// SPDX-License-Identifier: MIT
// Periodic deadlines (time/interval.h).
#include "servers/linux/time/interval.h"

#include <algorithm>

#include "servers/linux/core/world.h"
#include "servers/linux/time/clocks.h"

namespace hati::linux {
namespace {

u64 now_on(bool wall) { return wall ? static_cast<u64>(realtime_ns()) : monotonic_ns(); }

}  // namespace

IntervalTimer::IntervalTimer(Expiry expiry, void* owner, i32 clock) : Timer(&on_timer), expiry_(expiry), owner_(owner) {
  if (!is_wall_clock(clock)) return;
  wall_link_.callback = &on_wall_changed;
  wall_link_.self = this;
  World::get().wall_changed().add_callback(wall_link_);
}

IntervalTimer::~IntervalTimer() {
  if (wall_link_.queue != nullptr) wall_link_.queue->remove(wall_link_);
  cancel();
}

u64 IntervalTimer::to_monotonic_deadline(const Setting& setting) {
  return setting.wall ? to_monotonic(kClockRealtime, setting.deadline) : setting.deadline;
}

IntervalTimer::Setting IntervalTimer::set(Setting setting) {
  SpinGuard serial(settings_lock_);
  cancel();
  Setting old;
  {
    SpinGuard guard(lock_);
    old = std::exchange(setting_, setting);
  }
  if (setting.deadline != kNever) arm(to_monotonic_deadline(setting));
  return old;
}

IntervalTimer::Setting IntervalTimer::get() const {
  SpinGuard guard(lock_);
  return setting_;
}

void IntervalTimer::on_wall_changed(WaitLink& link, u32) {
  IntervalTimer& self = *static_cast<WallLink&>(link).self;
  SpinGuard serial(self.settings_lock_);
  self.cancel();
  const Setting setting = self.get();
  if (setting.deadline != kNever) self.arm(to_monotonic_deadline(setting));
}

void IntervalTimer::on_timer(Timer& timer) {
  auto& self = static_cast<IntervalTimer&>(timer);
  u64 expirations = 0;
  u64 next = kNever;
  {
    SpinGuard guard(self.lock_);
    Setting& setting = self.setting_;
    if (setting.deadline == kNever) return;
    // None, if the wall clock was set back a moment ago.
    expirations = count_periods(setting.deadline, setting.interval, now_on(setting.wall));
    if (setting.deadline != kNever) {
      next = to_monotonic_deadline(setting);
      if (setting.interval != 0 && setting.interval < kPeriodMin) next = std::max(next, monotonic_ns() + kPeriodMin);
    }
  }
  if (next != kNever) self.arm(next);
  if (expirations != 0) self.expiry_(self.owner_, expirations);
}

IntervalTimer::Setting make_setting(i32 clock, u64 value, u64 interval, bool absolute) {
  if (value == 0) return {};
  if (absolute) return {.deadline = std::min(value, kNsMax), .interval = interval, .wall = is_wall_clock(clock)};
  return {.deadline = add_saturated(monotonic_ns(), value), .interval = interval};
}

KernelItimerspec describe(const IntervalTimer::Setting& setting) {
  KernelItimerspec result;
  result.interval = to_timespec(setting.interval);
  if (setting.deadline != kNever) {
    const u64 now = now_on(setting.wall);
    result.value = to_timespec(setting.deadline > now ? setting.deadline - now : 1);
  }
  return result;
}

}  // namespace hati::linux
