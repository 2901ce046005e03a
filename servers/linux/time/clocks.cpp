// SPDX-License-Identifier: MIT
// Reading and setting clocks, sleeping: clock_gettime(2), clock_settime(2), nanosleep(2), clock_nanosleep(2).
#include "servers/linux/time/clocks.h"

#include "servers/linux/process/process.h"
#include "servers/linux/time/calls.h"
#include "servers/linux/time/vvar.h"

namespace hati::linux {
namespace {

// Clock ids of other processes and threads: ~pid << 3 | kind (clock_getcpuclockid(3)).
constexpr i32 kPerThread = 4;
constexpr i32 kCpuKindMask = 3;

SysResult<u64> dynamic_cpu_clock(Thread& thread, i32 clock) {
  const Pid pid = ~(clock >> 3);
  if ((clock & kCpuKindMask) == 3) return fail(Errno::kINVAL);
  ProcessTable& table = thread.world().processes();
  if ((clock & kPerThread) != 0) {
    const Ref<Thread> target = pid == 0 ? Ref(thread) : table.find_thread(pid);
    if (!target || &target->process() != &thread.process()) return fail(Errno::kINVAL);
    const Thread::CpuTime time = target->cpu_time();
    return time.user_ns + time.system_ns;
  }
  const Ref<Process> target = pid == 0 ? Ref(thread.process()) : table.find_process(pid);
  if (!target || target->state != Process::State::kAlive) return fail(Errno::kINVAL);
  return target->cpu_time_ns();
}

}  // namespace

bool is_wall_clock(i32 clock) {
  return clock == kClockRealtime || clock == kClockRealtimeCoarse || clock == kClockRealtimeAlarm || clock == kClockTai;
}

bool is_cpu_clock(i32 clock) { return clock < 0 || clock == kClockProcessCpu || clock == kClockThreadCpu; }

SysResult<u64> read_clock(Thread& thread, i32 clock) {
  if (clock < 0) return dynamic_cpu_clock(thread, clock);
  switch (static_cast<u32>(clock)) {
    case kClockRealtime: case kClockRealtimeCoarse: case kClockTai: case kClockRealtimeAlarm: return static_cast<u64>(realtime_ns());
    case kClockMonotonic: case kClockMonotonicRaw: case kClockMonotonicCoarse: case kClockBoottime: case kClockBoottimeAlarm: return monotonic_ns();
    case kClockProcessCpu: return thread.process().cpu_time_ns();
    case kClockThreadCpu: {
      const Thread::CpuTime time = thread.cpu_time();
      return time.user_ns + time.system_ns;
    }
    default: return fail(Errno::kINVAL);
  }
}

SysResult<> check_timer_clock(Thread& thread, i32 clock) {
  if (clock == kClockRealtimeAlarm || clock == kClockBoottimeAlarm) {
    if (!thread.capable(kCapWakeAlarm)) return fail(Errno::kPERM);
    return {};
  }
  if (clock == kClockMonotonicRaw || clock == kClockRealtimeCoarse || clock == kClockMonotonicCoarse) return fail(Errno::kOPNOTSUPP);
  TRY(read_clock(thread, clock));
  return {};
}

u64 to_monotonic(i32 clock, u64 deadline) {
  if (deadline >= kNsMax) return kNever;
  if (!is_wall_clock(clock)) return deadline;
  const i64 value = static_cast<i64>(deadline) - World::get().wall_offset();
  return value <= 0 ? 0 : static_cast<u64>(value);
}

u64 remaining(u64 monotonic_deadline) {
  const u64 now = monotonic_ns();
  return monotonic_deadline > now ? monotonic_deadline - now : 0;
}

SysResult<i64> sys_clock_gettime(Thread& thread, i32 clock, UserPtr<KernelTimespec> to) {
  const u64 ns = TRY(read_clock(thread, clock));
  TRY(thread.memory().put(to, to_timespec(ns)));
  return 0;
}

SysResult<i64> sys_clock_getres(Thread& thread, i32 clock, UserPtr<KernelTimespec> to) {
  TRY(read_clock(thread, clock));
  const bool coarse = clock == kClockRealtimeCoarse || clock == kClockMonotonicCoarse;
  if (to) TRY(thread.memory().put(to, KernelTimespec{0, coarse ? 4'000'000 : 1}));
  return 0;
}

namespace {

SysResult<i64> set_wall_clock(Thread& thread, u64 ns) {
  if (!thread.capable(kCapSysTime)) return fail(Errno::kPERM);
  if (ns >= kNsMax) return fail(Errno::kINVAL);
  thread.world().set_wall_offset(static_cast<i64>(ns) - static_cast<i64>(monotonic_ns()));
  return 0;
}

}  // namespace

SysResult<i64> sys_clock_settime(Thread& thread, i32 clock, UserPtr<const KernelTimespec> time) {
  TRY(read_clock(thread, clock));
  if (clock != kClockRealtime) return fail(is_cpu_clock(clock) ? Errno::kPERM : Errno::kINVAL);
  return set_wall_clock(thread, TRY(read_ns(thread.memory(), time)));
}

SysResult<i64> sys_gettimeofday(Thread& thread, UserPtr<KernelTimeval> time, UserPtr<KernelTimezone> zone) {
  if (time) TRY(thread.memory().put(time, to_timeval(static_cast<u64>(realtime_ns()))));
  if (zone) TRY(thread.memory().put(zone, KernelTimezone{0, 0}));
  return 0;
}

SysResult<i64> sys_settimeofday(Thread& thread, UserPtr<const KernelTimeval> time, UserPtr<const KernelTimezone> zone) {
  if (zone) {
    const KernelTimezone value = TRY(thread.memory().get(zone));
    if (!thread.capable(kCapSysTime)) return fail(Errno::kPERM);
    if (value.minutes_west > 15 * 60 || value.minutes_west < -15 * 60) return fail(Errno::kINVAL);
  }
  if (!time) return 0;
  return set_wall_clock(thread, TRY(read_ns(thread.memory(), time)));
}

SysResult<i64> sys_time(Thread& thread, UserPtr<i64> to) {
  const i64 seconds = realtime_ns() / static_cast<i64>(kNsPerSecond);
  if (to) TRY(thread.memory().put(to, seconds));
  return seconds;
}

namespace {

struct Sleep {
  i32 clock;
  u64 deadline;      // on the clock
  u64 rest_address;  // 0: nobody wants to know
};

// Until the clock shows the deadline. The wall clock may be set meanwhile.
Task<SysResult<>> sleep_until(Thread& thread, Sleep sleep) {
  Waiter waiter(thread);
  if (is_wall_clock(sleep.clock)) waiter.add(thread.world().wall_changed());
  for (;;) {
    const u64 deadline = to_monotonic(sleep.clock, sleep.deadline);
    if (deadline != kNever && monotonic_ns() >= deadline) co_return {};
    const SysResult<> waited = co_await waiter.wait(deadline);
    if (!waited && waited.error() != Errno::kTIMEDOUT) co_return waited;
  }
}

// CPU clocks advance only while the process runs: sleep for what is missing, and look again.
Task<SysResult<>> sleep_on_cpu_clock(Thread& thread, Sleep sleep) {
  constexpr u64 kStepMin = 1'000'000;
  Waiter waiter(thread);
  for (;;) {
    const u64 now = CO_TRY(read_clock(thread, sleep.clock));
    if (now >= sleep.deadline) co_return {};
    const u64 threads = std::max<u32>(thread.process().live.load(std::memory_order_relaxed), 1);
    const SysResult<> waited = co_await waiter.wait(deadline_after(std::max((sleep.deadline - now) / threads, kStepMin)));
    if (!waited && waited.error() != Errno::kTIMEDOUT) co_return waited;
  }
}

// A relative sleep, first or restarted: `rest` is written when a signal ends it.
Task<SysResult<i64>> sleep_relative(Thread& thread, Sleep sleep) {
  const SysResult<> done = co_await sleep_until(thread, sleep);
  if (done) co_return 0;
  if (sleep.rest_address != 0) {
    const u64 rest = remaining(to_monotonic(sleep.clock, sleep.deadline));
    CO_TRY(thread.memory().put(UserPtr<KernelTimespec>{sleep.rest_address}, to_timespec(rest)));
  }
  thread.restart.clock = static_cast<u32>(sleep.clock);
  thread.restart.deadline = sleep.deadline;
  thread.restart.address = sleep.rest_address;
  thread.restart.restart = [](Thread& again) -> Task<SysResult<i64>> {
    return sleep_relative(again, {static_cast<i32>(again.restart.clock), again.restart.deadline, again.restart.address});
  };
  co_return fail(Errno::kRESTARTBLOCK);
}

}  // namespace

Task<SysResult<i64>> sys_nanosleep(Thread& thread, UserPtr<const KernelTimespec> time, UserPtr<KernelTimespec> rest) {
  const u64 ns = CO_TRY(read_ns(thread.memory(), time));
  co_return co_await sleep_relative(thread, {kClockMonotonic, deadline_after(ns), rest.address});
}

Task<SysResult<i64>> sys_clock_nanosleep(Thread& thread, i32 clock, i32 flags, UserPtr<const KernelTimespec> time, UserPtr<KernelTimespec> rest) {
  if (clock == kClockThreadCpu) co_return fail(Errno::kINVAL);
  CO_TRY(check_timer_clock(thread, clock));
  const u64 ns = CO_TRY(read_ns(thread.memory(), time));
  const bool absolute = (flags & kTimerAbsolute) != 0;
  if (is_cpu_clock(clock)) {
    const u64 now = CO_TRY(read_clock(thread, clock));
    const SysResult<> done = co_await sleep_on_cpu_clock(thread, {clock, absolute ? ns : now + ns, 0});
    if (!done) co_return fail(absolute ? Errno::kRESTARTNOHAND : Errno::kINTR);
    co_return 0;
  }
  // A relative sleep does not follow changes of the wall clock.
  if (!absolute) co_return co_await sleep_relative(thread, {kClockMonotonic, deadline_after(ns), rest.address});
  const SysResult<> done = co_await sleep_until(thread, {clock, ns, 0});
  if (!done) co_return fail(Errno::kRESTARTNOHAND);
  co_return 0;
}

Task<SysResult<i64>> sys_restart_syscall(Thread& thread) {
  if (thread.restart.restart == nullptr) co_return fail(Errno::kINTR);
  co_return co_await thread.restart.restart(thread);
}

}  // namespace hati::linux
