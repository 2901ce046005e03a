// SPDX-License-Identifier: MIT
#include "runtime/async/signal.h"

namespace hati::async {

bool Signal::Interruptible::start(PromiseBase& promise) {
  // Hooks first: what fires before the coroutine is parked leaves a bit, and parking fails.
  if (promise.cancel != nullptr) {
    if (promise.cancel->add(*this)) {
      source_ = promise.cancel;
    } else {
      signal_.state_.fetch_or(kSignalCancelled, std::memory_order_relaxed);
    }
  }
  if (deadline_ns_ != kNever) arm(deadline_ns_);
  Signal& signal = signal_;
  return signal.park(promise);
  // From here on the coroutine may run elsewhere.
}

Result<u64> Signal::Interruptible::await_resume() noexcept {
  if (deadline_ns_ != kNever) cancel();
  if (source_ != nullptr) source_->remove(*this);
  const u64 bits = signal_.take();
  if ((bits & (kSignalSet | kSignalOther)) != 0) return bits & (kSignalSet | kSignalOther);
  return fail((bits & kSignalCancelled) != 0 ? Error::kCancelled : Error::kTimedOut);
}

void Signal::Interruptible::on_cancel(CancelHook& hook) { static_cast<Interruptible&>(hook).signal_.set(kSignalCancelled); }

void Signal::Interruptible::on_timer(Timer& timer) { static_cast<Interruptible&>(timer).signal_.set(kSignalTimedOut); }

}  // namespace hati::async
