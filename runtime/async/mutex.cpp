// SPDX-License-Identifier: MIT
#include "runtime/async/mutex.h"

#include "runtime/check.h"

namespace hati::async {

Mutex::~Mutex() { HATI_CHECK(!locked()); }

bool Mutex::enqueue(Waiter& waiter) {
  SpinGuard guard(lock_);
  // kContended is set and cleared under lock_ only.
  u32 state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if (state == kContended) break;
    const u32 desired = state == kFree ? kHeld : kContended;
    if (state_.compare_exchange_weak(state, desired, std::memory_order_acquire, std::memory_order_relaxed)) {
      if (desired == kHeld) return false;
      break;
    }
  }
  waiter.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &waiter;
  last_ = &waiter;
  return true;
  // From here on the waiter may run elsewhere.
}

void Mutex::unlock_slow() {
  SpinGuard guard(lock_);
  Waiter* waiter = first_;
  if (waiter == nullptr) {  // the only one gave up
    state_.store(kFree, std::memory_order_release);
    return;
  }
  first_ = waiter->next_;
  if (first_ == nullptr) {
    last_ = nullptr;
    state_.store(kHeld, std::memory_order_release);
  }
  // The waiter owns the mutex now. Inside lock_, so that dequeue() cannot end its life meanwhile.
  if (waiter->signal_ != nullptr) {
    waiter->signal_->set();
  } else {
    wake(*waiter->promise_);
  }
}

bool Mutex::dequeue(Waiter& waiter) {
  SpinGuard guard(lock_);
  Waiter* previous = nullptr;
  for (Waiter* w = first_; w != nullptr; previous = w, w = w->next_) {
    if (w != &waiter) continue;
    (previous != nullptr ? previous->next_ : first_) = w->next_;
    if (last_ == w) last_ = previous;
    return true;
  }
  return false;
}

Task<Result<Mutex::Guard>> Mutex::lock_interruptible(u64 deadline_ns) {
  if (try_take()) co_return Guard(*this);
  Signal signal;
  Waiter waiter(*this);
  waiter.signal_ = &signal;
  if (!enqueue(waiter)) co_return Guard(*this);
  const auto waited = co_await signal.wait_interruptible(deadline_ns);
  if (!waited && dequeue(waiter)) co_return fail(waited.error());
  co_return Guard(*this);
}

}  // namespace hati::async
