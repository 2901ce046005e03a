// SPDX-License-Identifier: MIT
// Futexes and sleeping, on a small ring per thread that is made when the thread first needs it.
#include <linux/futex.h>
#include <time.h>

#include "runtime/bridge/bridge.h"
#include "runtime/bridge/thread.h"
#include "runtime/call.h"
#include "runtime/clock.h"

namespace hati::bridge {

namespace {

Result<void> ensure_ring(ThreadRecord& self) {
  if (self.header != nullptr) return {};
  RingRequest request{.submit_entries = 4, .complete_entries = 4, .address = 0};
  self.ring = TRY(call::ring_create(request));
  self.header = reinterpret_cast<RingHeader*>(request.address);
  return {};
}

void put_submission(RingHeader& header, const Submission& submission) {
  const u32 tail = header.submit_tail.load(std::memory_order_relaxed);
  auto* queue = reinterpret_cast<Submission*>(reinterpret_cast<u8*>(&header) + header.submit_offset);
  queue[tail & (header.submit_entries - 1)] = submission;
  header.submit_tail.store(tail + 1, std::memory_order_release);
}

i64 futex_wait(u64 address, u64 expected, u64 deadline_ns) {
  const auto done = run_operation({.operation = Operation::kFutexWait, .args = {address, static_cast<u32>(expected), deadline_ns}});
  return done ? 0 : to_errno(done.error());
}

i64 futex_wake(u64 address, u64 count) {
  const auto done = run_operation({.operation = Operation::kFutexWake, .args = {address, count}});
  return done ? done->result : to_errno(done.error());
}

u64 to_ns(const timespec& time) { return static_cast<u64>(time.tv_sec) * kNsPerSecond + static_cast<u64>(time.tv_nsec); }

// FUTEX_WAIT's time is relative, FUTEX_WAIT_BITSET's absolute on the monotonic clock or the wall clock.
u64 futex_deadline(u64 operation, u64 pointer) {
  if (pointer == 0) return kNever;
  const u64 time = to_ns(*reinterpret_cast<const timespec*>(pointer));
  if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT) return now_ns() + time;
  if (operation & FUTEX_CLOCK_REALTIME) {
    const u64 offset = static_cast<u64>(wall_offset_ns());
    return time > offset ? time - offset : 0;
  }
  return time;
}

}  // namespace

Result<Completion> run_operation(const Submission& submission) {
  ThreadRecord& self = current_thread();
  TRY(ensure_ring(self));
  RingHeader& header = *self.header;
  put_submission(header, submission);
  u32 submit = 1;
  const u32 head = header.complete_head.load(std::memory_order_relaxed);
  while (header.complete_tail.load(std::memory_order_acquire) == head) {
    const auto entered = call::ring_enter(self.ring, submit, 1, kNever);
    if (!entered) return fail(entered.error());
    submit = 0;
  }
  const auto* queue = reinterpret_cast<const Completion*>(reinterpret_cast<u8*>(&header) + header.complete_offset);
  const Completion completion = queue[head & (header.complete_entries - 1)];
  header.complete_head.store(head + 1, std::memory_order_release);
  if (completion.result < 0) return fail(static_cast<Error>(-completion.result));
  return completion;
}

Result<void> sleep_until_ns(u64 deadline_ns) {
  ThreadRecord& self = current_thread();
  TRY(ensure_ring(self));
  while (now_ns() < deadline_ns) {
    const auto entered = call::ring_enter(self.ring, 0, 1, deadline_ns);
    if (!entered && entered.error() != Error::kTimedOut) return fail(entered.error());
  }
  return {};
}

u32 prepare_exit_wake(ThreadRecord& self) {
  if (!ensure_ring(self)) return 0;
  put_submission(*self.header, {.operation = Operation::kFutexWake, .flags = kSubmitQuiet, .args = {reinterpret_cast<u64>(self.clear_tid), ~u64{0} >> 33}});
  return 1;
}

i64 sys_futex(const Frame& f) {
  switch (f.rsi & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET: return futex_wait(f.rdi, f.rdx, futex_deadline(f.rsi, f.r10));
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET: return futex_wake(f.rdi, f.rdx);
    default: return -ENOSYS;  // priority inheritance and requeueing, which the C library does not use by itself
  }
}

i64 sys_clock_gettime(const Frame& f) {
  u64 time = 0;
  switch (f.rdi) {
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: time = now_ns(); break;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE: time = now_ns() + static_cast<u64>(wall_offset_ns()); break;
    case CLOCK_THREAD_CPUTIME_ID: time = call::clock_read(Clock::kThreadTime).value_or(0); break;
    default: return -EINVAL;
  }
  *reinterpret_cast<timespec*>(f.rsi) = {.tv_sec = static_cast<time_t>(time / kNsPerSecond), .tv_nsec = static_cast<long>(time % kNsPerSecond)};
  return 0;
}

i64 sys_nanosleep(const Frame& f) { return to_linux(sleep_until_ns(now_ns() + to_ns(*reinterpret_cast<const timespec*>(f.rdi)))); }

i64 sys_clock_nanosleep(const Frame& f) {
  u64 time = to_ns(*reinterpret_cast<const timespec*>(f.rdx));
  if ((f.rsi & TIMER_ABSTIME) == 0) {
    time += now_ns();
  } else if (f.rdi == CLOCK_REALTIME) {
    time -= static_cast<u64>(wall_offset_ns());
  }
  return to_linux(sleep_until_ns(time));
}

}  // namespace hati::bridge
