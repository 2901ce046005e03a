// SPDX-License-Identifier: MIT
// Mutex for coroutines: may be held over co_await. Fair: ownership goes to the longest waiter. `auto guard = co_await mutex.lock();`
#pragma once

#include <utility>

#include "runtime/async/signal.h"

namespace hati::async {

class Mutex {
 public:
  Mutex() = default;
  ~Mutex();  // asserts that it is free
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  class [[nodiscard]] Guard {
   public:
    Guard() = default;
    explicit Guard(Mutex& mutex) : mutex_(&mutex) {}  // of a mutex that the caller holds
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      if (this != &other) {
        unlock();
        mutex_ = std::exchange(other.mutex_, nullptr);
      }
      return *this;
    }
    ~Guard() { unlock(); }
    void unlock() {
      if (Mutex* mutex = std::exchange(mutex_, nullptr)) mutex->unlock();
    }
    explicit operator bool() const { return mutex_ != nullptr; }

   private:
    Mutex* mutex_ = nullptr;
  };

  class Waiter {
   public:
    explicit Waiter(Mutex& mutex) : mutex_(mutex) {}
    bool await_ready() const noexcept { return mutex_.try_take(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> coroutine) noexcept {
      promise_ = &coroutine.promise();
      return mutex_.enqueue(*this);
    }
    Guard await_resume() const noexcept { return Guard(mutex_); }

   private:
    friend class Mutex;
    Mutex& mutex_;
    PromiseBase* promise_ = nullptr;  // null: signal_ instead
    Signal* signal_ = nullptr;
    Waiter* next_ = nullptr;
  };
  // Not cancellable: holders are expected to be quick.
  Waiter lock() { return Waiter(*this); }
  // An empty guard if it is held.
  Guard try_lock() { return try_take() ? Guard(*this) : Guard(); }
  bool locked() const { return state_.load(std::memory_order_relaxed) != kFree; }

  // As lock(), but gives up with kCancelled / kTimedOut.
  Task<Result<Guard>> lock_interruptible(u64 deadline_ns = kNever);

 private:
  enum State : u32 { kFree, kHeld, kContended };

  bool try_take() {
    u32 expected = kFree;
    return state_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire, std::memory_order_relaxed);
  }
  void unlock() {
    u32 expected = kHeld;
    if (!state_.compare_exchange_strong(expected, kFree, std::memory_order_release, std::memory_order_relaxed)) [[unlikely]]
      unlock_slow();
  }
  bool enqueue(Waiter& waiter);  // false: taken at once
  bool dequeue(Waiter& waiter);  // false: it has been given the mutex
  void unlock_slow();

  std::atomic<u32> state_{kFree};
  SpinLock lock_;
  Waiter* first_ HATI_GUARDED_BY(lock_) = nullptr;
  Waiter* last_ HATI_GUARDED_BY(lock_) = nullptr;
};

}  // namespace hati::async

namespace hati {
using async::Mutex;
}
