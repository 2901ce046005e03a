// SPDX-License-Identifier: MIT
// setitimer(2), alarm(2), timer_create(2) and relatives.
#include "servers/linux/process/process.h"
#include "servers/linux/time/calls.h"
#include "servers/linux/time/clocks.h"
#include "servers/linux/time/process_timers.h"

namespace hati::linux {
namespace {

// An armed timer has at least a microsecond left.
KernelItimerval to_itimerval(const ProcessTimers::Value& value) {
  return {to_timeval(value.interval), to_timeval(value.value == 0 ? 0 : std::max<u64>(value.value, 1000))};
}

}  // namespace

SysResult<i64> sys_getitimer(Thread& thread, i32 which, UserPtr<KernelItimerval> to) {
  if (which < 0 || which > 2) return fail(Errno::kINVAL);
  Process& process = thread.process();
  TRY(thread.memory().put(to, to_itimerval(process.timers->get(process, static_cast<ProcessTimers::Which>(which)))));
  return 0;
}

SysResult<i64> sys_setitimer(Thread& thread, i32 which, UserPtr<const KernelItimerval> from, UserPtr<KernelItimerval> old) {
  KernelItimerval fresh;
  if (from) fresh = TRY(thread.memory().get(from));
  const ProcessTimers::Value value{.value = TRY(to_ns(fresh.value)), .interval = TRY(to_ns(fresh.interval))};
  if (which < 0 || which > 2) return fail(Errno::kINVAL);
  Process& process = thread.process();
  const ProcessTimers::Value before = process.timers->set(process, static_cast<ProcessTimers::Which>(which), value);
  if (old) TRY(thread.memory().put(old, to_itimerval(before)));
  return 0;
}

SysResult<i64> sys_alarm(Thread& thread, u32 seconds) {
  Process& process = thread.process();
  const ProcessTimers::Value before = process.timers->set(process, ProcessTimers::kReal, {.value = seconds * kNsPerSecond, .interval = 0});
  // Rounded to the nearest second, but never to 0 while it was armed.
  const u64 left = before.value / kNsPerSecond;
  const u64 rest = before.value % kNsPerSecond;
  return static_cast<i64>(left + ((left == 0 && rest != 0) || rest >= kNsPerSecond / 2 ? 1 : 0));
}

SysResult<i64> sys_timer_create(Thread& thread, i32 clock, UserPtr<const SignalEvent> from, UserPtr<i32> to) {
  Process& process = thread.process();
  SignalEvent event{.value = 0, .signal = kSigAlrm, .notify = -1, .thread_id = 0, .reserved = {}};
  if (from) {
    event = TRY(thread.memory().get(from));
    if (event.notify != kNotifySignal && event.notify != kNotifyNone && event.notify != kNotifyThread && event.notify != kNotifyThreadId)
      return fail(Errno::kINVAL);
    if (event.notify != kNotifyNone && !valid_signal(event.signal)) return fail(Errno::kINVAL);
    if (event.notify == kNotifyThreadId) {
      const Ref<Thread> target = process.world.processes().find_thread(event.thread_id);
      if (!target || &target->process() != &process) return fail(Errno::kINVAL);
    }
  }
  TRY(check_timer_clock(thread, clock));
  if (is_cpu_clock(clock)) clock = TRY(resolve_cpu_clock(thread, clock));
  const i32 id = TRY(process.timers->create(process, clock, event));
  if (const SysResult<> written = thread.memory().put(to, id); !written) {
    process.timers->remove(id);
    return fail(written.error());
  }
  return 0;
}

namespace {

KernelItimerspec describe_posix(Thread& thread, PosixTimer& timer) {
  if (!is_cpu_clock(timer.clock)) return describe(timer.timer.get());
  const u64 now = read_cpu_clock(thread.world(), timer.clock).value_or(0);
  SpinGuard guard(thread.process().timers->lock());
  KernelItimerspec result;
  result.interval = to_timespec(timer.cpu_interval);
  if (timer.cpu_deadline != kNever) result.value = to_timespec(timer.cpu_deadline > now ? timer.cpu_deadline - now : 1);
  return result;
}

}  // namespace

SysResult<i64> sys_timer_settime(Thread& thread, i32 id, i32 flags, UserPtr<const KernelItimerspec> from, UserPtr<KernelItimerspec> old) {
  if (!from) return fail(Errno::kINVAL);
  const KernelItimerspec fresh = TRY(thread.memory().get(from));
  const u64 value = TRY(to_ns(fresh.value));
  const u64 interval = TRY(to_ns(fresh.interval));
  Process& process = thread.process();
  const std::shared_ptr<PosixTimer> timer = process.timers->find(id);
  if (!timer) return fail(Errno::kINVAL);
  const KernelItimerspec before = describe_posix(thread, *timer);
  const bool absolute = (flags & kTimerAbsolute) != 0;
  timer->overrun.store(0, std::memory_order_relaxed);
  if (is_cpu_clock(timer->clock)) {
    const u64 base = absolute ? 0 : read_cpu_clock(thread.world(), timer->clock).value_or(0);
    process.timers->set_cpu(process, *timer, value == 0 ? kNever : add_saturated(base, value), interval);
  } else {
    timer->timer.set(make_setting(timer->clock, value, interval, absolute));
  }
  if (old) TRY(thread.memory().put(old, before));
  return 0;
}

SysResult<i64> sys_timer_gettime(Thread& thread, i32 id, UserPtr<KernelItimerspec> to) {
  const std::shared_ptr<PosixTimer> timer = thread.process().timers->find(id);
  if (!timer) return fail(Errno::kINVAL);
  TRY(thread.memory().put(to, describe_posix(thread, *timer)));
  return 0;
}

SysResult<i64> sys_timer_getoverrun(Thread& thread, i32 id) {
  const std::shared_ptr<PosixTimer> timer = thread.process().timers->find(id);
  if (!timer) return fail(Errno::kINVAL);
  return timer->overrun.load(std::memory_order_relaxed);
}

SysResult<i64> sys_timer_delete(Thread& thread, i32 id) {
  if (!thread.process().timers->remove(id)) return fail(Errno::kINVAL);
  return 0;
}

}  // namespace hati::linux
