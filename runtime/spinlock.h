// SPDX-License-Identifier: MIT
// A lock for a few dozen instructions, and data that lives inside one. Never held over co_await, never while calling out.
// A worker may be preempted while it holds one, so a waiter yields the processor after a short spin.
#pragma once

#include <atomic>
#include <utility>

#include "base/annotations.h"
#include "base/types.h"

namespace hati {

class HATI_CAPABILITY("spinlock") SpinLock {
 public:
  constexpr SpinLock() = default;
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() HATI_ACQUIRE() {
    if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_slow();
  }
  bool try_lock() HATI_TRY_ACQUIRE(true) { return !locked_.exchange(true, std::memory_order_acquire); }
  void unlock() HATI_RELEASE() { locked_.store(false, std::memory_order_release); }

 private:
  void lock_slow();  // runtime/spinlock.cpp

  std::atomic<bool> locked_{false};
};

// Holds a SpinLock for a scope.
class HATI_SCOPED_CAPABILITY [[nodiscard]] SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) HATI_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~SpinGuard() HATI_RELEASE() { lock_.unlock(); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
};

// Data that can only be reached with its lock held: `state.with([&](State& s) { ... })`.
template <class T>
class Guarded {
 public:
  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  template <class F>
  decltype(auto) with(F&& function) {
    SpinGuard guard(lock_);
    return std::forward<F>(function)(value_);
  }
  template <class F>
  decltype(auto) with(F&& function) const {
    SpinGuard guard(lock_);
    return std::forward<F>(function)(value_);
  }

 private:
  mutable SpinLock lock_;
  T value_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati
