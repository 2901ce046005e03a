// SPDX-License-Identifier: MIT
// timerfd_create(2): a timer as a file. Expirations are counted until they are read.
#include "servers/linux/core/services.h"
#include "servers/linux/process/process.h"
#include "servers/linux/time/calls.h"
#include "servers/linux/time/clocks.h"
#include "servers/linux/time/interval.h"

namespace hati::linux {
namespace {

enum Flags : i32 { kAbsolute = 1, kCancelOnSet = 2 };

class TimerFile final : public File {
 public:
  TimerFile(i32 clock, u32 open_flags) : File(open_flags), clock_(clock), timer_(&expired, this, clock) {
    wall_.callback = &wall_changed;
    wall_.file = this;
    if (is_wall_clock(clock)) World::get().wall_changed().add_callback(wall_);
  }

  i32 clock() const { return clock_; }
  IntervalTimer& timer() { return timer_; }

  IntervalTimer::Setting set(IntervalTimer::Setting setting, bool cancel_on_set) {
    timer_.stop();
    {
      SpinGuard guard(lock_);
      expirations_ = 0;
      cancel_on_set_ = cancel_on_set;
      cancelled_ = false;
    }
    return timer_.set(setting);
  }

  SysResult<usize> read(IoContext&, IoBuffer& to) override {
    u64 count;
    {
      SpinGuard guard(lock_);
      if (to.left() < sizeof count) return fail(Errno::kINVAL);
      if (std::exchange(cancelled_, false)) return fail(Errno::kCANCELED);
      if (expirations_ == 0) return fail(Errno::kAGAIN);
      count = std::exchange(expirations_, 0);
    }
    return to.copy_out(&count, sizeof count);
  }

  u32 poll() override {
    SpinGuard guard(lock_);
    return expirations_ != 0 || cancelled_ ? kPollIn | kPollRdNorm : 0;
  }
  WaitQueue* poll_queue() override { return &queue_; }
  void on_release() override {
    if (wall_.queue != nullptr) wall_.queue->remove(wall_);
    timer_.stop();
  }
  std::string description() const override { return "anon_inode:[timerfd]"; }

 private:
  static void expired(void* owner, u64 expirations) {
    auto& self = *static_cast<TimerFile*>(owner);
    {
      SpinGuard guard(self.lock_);
      self.expirations_ += expirations;
    }
    self.queue_.wake_all(kPollIn | kPollRdNorm);
  }
  struct WallLink : CallbackLink {
    TimerFile* file = nullptr;
  };
  static void wall_changed(WaitLink& link, u32) {
    TimerFile& self = *static_cast<WallLink&>(link).file;
    {
      SpinGuard guard(self.lock_);
      if (!self.cancel_on_set_) return;
      self.cancelled_ = true;
    }
    self.queue_.wake_all(kPollIn | kPollRdNorm);
  }

  const i32 clock_;
  IntervalTimer timer_;
  SpinLock lock_;
  u64 expirations_ HATI_GUARDED_BY(lock_) = 0;
  bool cancel_on_set_ HATI_GUARDED_BY(lock_) = false;
  bool cancelled_ HATI_GUARDED_BY(lock_) = false;
  WaitQueue queue_;
  WallLink wall_;
};

SysResult<Ref<File>> get_timer(Thread& thread, Fd fd) {
  Ref<File> file = TRY(thread.files().get(fd));
  if (file->description() != "anon_inode:[timerfd]") return fail(Errno::kINVAL);
  return file;
}

}  // namespace

SysResult<i64> sys_timerfd_create(Thread& thread, i32 clock, u32 flags) {
  if ((flags & ~u32{kOpenNonBlock | kOpenCloseOnExec}) != 0) return fail(Errno::kINVAL);
  if (clock != kClockRealtime && clock != kClockMonotonic && clock != kClockBoottime && clock != kClockRealtimeAlarm && clock != kClockBoottimeAlarm)
    return fail(Errno::kINVAL);
  if ((clock == kClockRealtimeAlarm || clock == kClockBoottimeAlarm) && !thread.capable(kCapWakeAlarm)) return fail(Errno::kPERM);
  auto file = Ref<File>::adopt(new TimerFile(clock, kOpenReadWrite | (flags & kOpenNonBlock)));
  return TRY(install_anonymous_file(thread, std::move(file), kOpenReadWrite | flags)).value;
}

SysResult<i64> sys_timerfd_settime(Thread& thread, Fd fd, i32 flags, UserPtr<const KernelItimerspec> from, UserPtr<KernelItimerspec> old) {
  const KernelItimerspec fresh = TRY(thread.memory().get(from));
  if ((flags & ~(kAbsolute | kCancelOnSet)) != 0) return fail(Errno::kINVAL);
  const u64 value = TRY(to_ns(fresh.value));
  const u64 interval = TRY(to_ns(fresh.interval));
  const Ref<File> file = TRY(get_timer(thread, fd));
  auto& timer = static_cast<TimerFile&>(*file);
  const KernelItimerspec before = describe(timer.timer().get());
  const bool absolute = (flags & kAbsolute) != 0;
  const bool cancel_on_set = absolute && (flags & kCancelOnSet) != 0 && is_wall_clock(timer.clock());
  timer.set(make_setting(timer.clock(), value, interval, absolute), cancel_on_set);
  if (old) TRY(thread.memory().put(old, before));
  return 0;
}

SysResult<i64> sys_timerfd_gettime(Thread& thread, Fd fd, UserPtr<KernelItimerspec> to) {
  const Ref<File> file = TRY(get_timer(thread, fd));
  TRY(thread.memory().put(to, describe(static_cast<TimerFile&>(*file).timer().get())));
  return 0;
}

}  // namespace hati::linux
