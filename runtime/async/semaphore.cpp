// SPDX-License-Identifier: MIT
#include "runtime/async/semaphore.h"

#include "runtime/check.h"

namespace hati::async {

Semaphore::~Semaphore() {
  SpinGuard guard(lock_);
  HATI_CHECK(first_ == nullptr);
}

bool Semaphore::try_acquire() {
  SpinGuard guard(lock_);
  if (count_ == 0 || first_ != nullptr) return false;
  --count_;
  return true;
}

bool Semaphore::enqueue(Waiter& waiter) {
  SpinGuard guard(lock_);
  if (count_ != 0 && first_ == nullptr) {
    --count_;
    return false;
  }
  (last_ != nullptr ? last_->next : first_) = &waiter;
  last_ = &waiter;
  return true;
}

bool Semaphore::withdraw(Waiter& waiter) {
  SpinGuard guard(lock_);
  Waiter* previous = nullptr;
  for (Waiter* w = first_; w != nullptr; previous = w, w = w->next) {
    if (w != &waiter) continue;
    (previous != nullptr ? previous->next : first_) = w->next;
    if (last_ == w) last_ = previous;
    return true;
  }
  return false;
}

Task<Result<void>> Semaphore::acquire(u64 deadline_ns) {
  Waiter waiter;
  if (!enqueue(waiter)) co_return Result<void>();
  const auto waited = co_await waiter.signal.wait_interruptible(deadline_ns);
  if (!waited && withdraw(waiter)) co_return fail(waited.error());
  co_return Result<void>();
}

void Semaphore::release(u64 count) {
  SpinGuard guard(lock_);
  count_ += count;
  while (count_ != 0 && first_ != nullptr) {
    Waiter* waiter = first_;
    first_ = waiter->next;
    if (first_ == nullptr) last_ = nullptr;
    --count_;
    // Inside lock_, so that withdraw() cannot end the waiter's life meanwhile.
    waiter->signal.set();
  }
}

}  // namespace hati::async
