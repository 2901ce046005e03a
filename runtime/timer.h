// SPDX-License-Identifier: MIT
// Timers. Each worker keeps a heap and sleeps in ring_enter until its earliest deadline: setting and cancelling a timer costs no
// kernel call. A timer may be cancelled from any thread; its callback runs on the worker where it was armed.
// Deadlines are absolute nanoseconds of Clock::kMonotonic.
#pragma once

#include <atomic>
#include <vector>

#include "abi/ring.h"
#include "runtime/clock.h"
#include "runtime/spinlock.h"

namespace hati {

class TimerHeap;

// Intrusive; the owner keeps it alive until it has fired or was cancelled. `callback` must not block and must not
// resume a coroutine itself (it posts); it may arm the timer again.
class Timer {
 public:
  using Callback = void (*)(Timer&);
  explicit Timer(Callback callback) : callback_(callback) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // On the current worker. The timer must not be armed (cancel() first). kNever: never fires.
  void arm(u64 deadline_ns);
  // On return the callback neither runs nor will run (from inside the callback: will not run again). True if it was prevented.
  bool cancel();
  u64 deadline() const { return deadline_; }

 private:
  friend class TimerHeap;
  static constexpr usize kNotInHeap = ~usize{0};

  Callback callback_;
  std::atomic<TimerHeap*> heap_{nullptr};
  u64 deadline_ = kNever;
  usize index_ = kNotInHeap;
};

class TimerHeap {
 public:
  void add(Timer& timer, u64 deadline_ns);
  bool remove(Timer& timer);
  // Earliest deadline, kNever if there is none. Any thread.
  u64 next() const { return next_.load(std::memory_order_relaxed); }
  // Calls back what is due. Own thread.
  bool expire(u64 now_ns);

 private:
  void sift_up(usize index) HATI_REQUIRES(lock_);
  void sift_down(usize index) HATI_REQUIRES(lock_);
  void put(usize index, Timer* timer) HATI_REQUIRES(lock_);
  void take(usize index) HATI_REQUIRES(lock_);

  SpinLock lock_;
  std::vector<Timer*> heap_ HATI_GUARDED_BY(lock_);
  std::atomic<u64> next_{kNever};
  std::atomic<Timer*> running_{nullptr};
};

}  // namespace hati
