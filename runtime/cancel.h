// SPDX-License-Identifier: MIT
// Cancellation. A CancelSource belongs to whoever may want to stop some work (a Scope, a deadline, a Linux thread that takes a
// signal); every Task carries a pointer to the source of its caller, and what it waits for hooks itself in. Cancelling makes these waits end
// with Error::kCancelled; nothing is torn down by force. A source must outlive the tasks that carry it. Any thread may cancel.
#pragma once

#include <atomic>

#include "runtime/spinlock.h"

namespace hati {

class CancelSource;

// What a wait registers. The callback runs at most once, on the cancelling thread, without locks of the source; it must not
// block and must not resume a coroutine itself (it posts). Deregistering waits for a callback that is running elsewhere.
class CancelHook {
 public:
  using Callback = void (*)(CancelHook&);
  explicit CancelHook(Callback callback) : callback_(callback) {}
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  friend class CancelSource;
  Callback callback_;
  CancelHook* next_ = nullptr;
  CancelHook* previous_ = nullptr;
  bool linked_ = false;
};

class CancelSource {
 public:
  CancelSource() : parent_hook_(&on_parent) {}
  // Also cancelled when the parent is; null: none.
  explicit CancelSource(CancelSource* parent) : CancelSource() { link(parent); }
  ~CancelSource();
  CancelSource(const CancelSource&) = delete;
  CancelSource& operator=(const CancelSource&) = delete;

  // Idempotent.
  void cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  // Back to not cancelled, for a source that is used again (a thread's "signal pending"). No wait may be hooked in.
  void reset() { cancelled_.store(false, std::memory_order_release); }

  // False, and nothing is registered, if cancelled already.
  [[nodiscard]] bool add(CancelHook& hook);
  // After it returns, the callback neither runs nor will run. Not from the callback itself.
  void remove(CancelHook& hook);

 private:
  struct ParentHook : CancelHook {
    using CancelHook::CancelHook;
    CancelSource* self = nullptr;
  };
  static void on_parent(CancelHook& hook) { static_cast<ParentHook&>(hook).self->cancel(); }
  void link(CancelSource* parent);
  void unlink(CancelHook& hook) HATI_REQUIRES(lock_);
  CancelHook* take_first();

  std::atomic<bool> cancelled_{false};
  std::atomic<CancelHook*> running_{nullptr};
  SpinLock lock_;
  CancelHook* first_ HATI_GUARDED_BY(lock_) = nullptr;
  CancelSource* parent_ = nullptr;
  ParentHook parent_hook_;
};

}  // namespace hati
