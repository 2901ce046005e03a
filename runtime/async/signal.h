// SPDX-License-Identifier: MIT
// Signal: the one primitive that suspends a coroutine for something other than a ring operation. One coroutine waits, any thread
// sets; a set before the wait is remembered. What ended a wait comes back as bits, so time-outs, cancellation and several
// reasons of the owner need no second mechanism. Setters never touch the object after the waiter may run again.
#pragma once

#include <atomic>

#include "runtime/cancel.h"
#include "runtime/executor.h"
#include "runtime/timer.h"

namespace hati::async {

enum SignalBits : u64 {
  kSignalSet = 1,        // the event
  kSignalCancelled = 2,  // the waiter's CancelSource
  kSignalTimedOut = 4,   // the deadline
  kSignalOther = 8,      // a second reason of the owner's
  kSignalMask = 15,
};

class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // True if this call made the waiter run (its first reason). Any thread; the waiter continues on the caller's worker.
  bool set(u64 bits = kSignalSet) {
    const u64 old = state_.fetch_or(bits, std::memory_order_acq_rel);
    // From here on the waiter may run and destroy *this if it was not suspended.
    if ((old & kSignalMask) != 0 || old == 0) return false;
    wake(*reinterpret_cast<PromiseBase*>(old));
    return true;
  }
  bool is_set() const { return (state_.load(std::memory_order_acquire) & kSignalMask) != 0; }
  // Forgets what was set; only while nobody waits. What it was.
  u64 take() { return state_.exchange(0, std::memory_order_acq_rel) & kSignalMask; }

  // Waits until a bit is set; takes and returns the bits. Ignores cancellation.
  class Plain {
   public:
    explicit Plain(Signal& signal) : signal_(signal) {}
    bool await_ready() const noexcept { return signal_.is_set(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> coroutine) noexcept {
      return signal_.park(coroutine.promise());
    }
    u64 await_resume() const noexcept { return signal_.take(); }

   private:
    Signal& signal_;
  };
  Plain wait() { return Plain(*this); }

  // Also ends at `deadline_ns` (kNever: none) and when the task is cancelled. kTimedOut / kCancelled unless kSignalSet or kSignalOther came too.
  class Interruptible : private CancelHook, private Timer {
   public:
    Interruptible(Signal& signal, u64 deadline_ns) : CancelHook(&on_cancel), Timer(&on_timer), signal_(signal), deadline_ns_(deadline_ns) {}
    bool await_ready() const noexcept { return signal_.is_set(); }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> coroutine) noexcept {
      return start(coroutine.promise());
    }
    // The bits kSignalSet / kSignalOther that were set.
    Result<u64> await_resume() noexcept;

   private:
    bool start(PromiseBase& promise);
    static void on_cancel(CancelHook& hook);
    static void on_timer(Timer& timer);

    Signal& signal_;
    const u64 deadline_ns_;
    CancelSource* source_ = nullptr;
  };
  Interruptible wait_interruptible(u64 deadline_ns = kNever) { return Interruptible(*this, deadline_ns); }

 private:
  // False if a bit is set already (then it is not parked).
  bool park(PromiseBase& promise) {
    u64 expected = 0;
    return state_.compare_exchange_strong(expected, reinterpret_cast<u64>(&promise), std::memory_order_acq_rel, std::memory_order_acquire);
  }

  std::atomic<u64> state_{0};  // bits | address of the parked coroutine's PromiseBase
};

}  // namespace hati::async
