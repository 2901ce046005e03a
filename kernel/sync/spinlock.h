// SPDX-License-Identifier: MIT
// The kernel's lock. Kernel code runs with interrupts off, so there is one kind. Held only through Guard.
// Contention is expected to be rare: a test-and-test-and-set lock with a pause.
#pragma once

#include <atomic>

#include "base/annotations.h"

namespace hati {

class HATI_CAPABILITY("spinlock") Spinlock {
 public:
  constexpr Spinlock() = default;
  Spinlock(const Spinlock&) = delete;
  Spinlock& operator=(const Spinlock&) = delete;

 private:
  friend class Guard;
  friend class OptionalGuard;

  void lock() HATI_ACQUIRE() {
    while (locked_.exchange(true, std::memory_order_acquire))
      while (locked_.load(std::memory_order_relaxed)) __builtin_ia32_pause();
  }
  bool try_lock() HATI_TRY_ACQUIRE(true) { return !locked_.exchange(true, std::memory_order_acquire); }
  void unlock() HATI_RELEASE() { locked_.store(false, std::memory_order_release); }

  std::atomic<bool> locked_{false};
};

class HATI_SCOPED_CAPABILITY Guard {
 public:
  explicit Guard(Spinlock& lock) HATI_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~Guard() HATI_RELEASE() { lock_.unlock(); }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

 private:
  Spinlock& lock_;
};

// For the places that must give up instead of waiting (lock order, panic): `OptionalGuard g(lock); if (g) ...`.
class OptionalGuard {
 public:
  explicit OptionalGuard(Spinlock& lock) HATI_NO_THREAD_SAFETY_ANALYSIS : lock_(lock), held_(lock.try_lock()) {}
  ~OptionalGuard() HATI_NO_THREAD_SAFETY_ANALYSIS {
    if (held_) lock_.unlock();
  }
  OptionalGuard(const OptionalGuard&) = delete;
  OptionalGuard& operator=(const OptionalGuard&) = delete;
  explicit operator bool() const { return held_; }

 private:
  Spinlock& lock_;
  bool held_;
};

}  // namespace hati
