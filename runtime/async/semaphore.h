// SPDX-License-Identifier: MIT
// Counting semaphore for coroutines; waiters are served in order.
#pragma once

#include "runtime/async/signal.h"

namespace hati::async {

class Semaphore {
 public:
  explicit Semaphore(u64 count) : count_(count) {}
  ~Semaphore();  // asserts that nobody waits
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;

  // Takes one. kCancelled, kTimedOut: nothing was taken.
  Task<Result<void>> acquire(u64 deadline_ns = kNever);
  bool try_acquire();
  void release(u64 count = 1);

 private:
  struct Waiter {
    Signal signal;
    Waiter* next = nullptr;
  };
  bool enqueue(Waiter& waiter);   // false: one was taken at once
  bool withdraw(Waiter& waiter);  // false: it was granted already

  SpinLock lock_;
  u64 count_ HATI_GUARDED_BY(lock_);
  Waiter* first_ HATI_GUARDED_BY(lock_) = nullptr;
  Waiter* last_ HATI_GUARDED_BY(lock_) = nullptr;
};

}  // namespace hati::async
