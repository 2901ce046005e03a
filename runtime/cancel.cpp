// SPDX-License-Identifier: MIT
#include "runtime/cancel.h"

#include "runtime/call.h"

namespace hati {

void CancelSource::link(CancelSource* parent) {
  if (parent == nullptr) return;
  parent_ = parent;
  parent_hook_.self = this;
  if (!parent->add(parent_hook_)) cancel();
}

CancelSource::~CancelSource() {
  if (parent_ != nullptr) parent_->remove(parent_hook_);
}

bool CancelSource::add(CancelHook& hook) {
  SpinGuard guard(lock_);
  if (cancelled_.load(std::memory_order_relaxed)) return false;
  hook.previous_ = nullptr;
  hook.next_ = first_;
  if (first_ != nullptr) first_->previous_ = &hook;
  first_ = &hook;
  hook.linked_ = true;
  return true;
}

void CancelSource::unlink(CancelHook& hook) {
  (hook.previous_ != nullptr ? hook.previous_->next_ : first_) = hook.next_;
  if (hook.next_ != nullptr) hook.next_->previous_ = hook.previous_;
  hook.linked_ = false;
}

void CancelSource::remove(CancelHook& hook) {
  {
    SpinGuard guard(lock_);
    if (hook.linked_) {
      unlink(hook);
      return;
    }
  }
  // Taken off by cancel(): its callback may be running on another thread.
  while (running_.load(std::memory_order_acquire) == &hook) call::thread_yield();
}

CancelHook* CancelSource::take_first() {
  SpinGuard guard(lock_);
  CancelHook* hook = first_;
  if (hook != nullptr) unlink(*hook);
  // Inside the lock: remove() must not see the hook neither linked nor running before its callback.
  running_.store(hook, std::memory_order_release);
  return hook;
}

void CancelSource::cancel() {
  {
    // Inside the lock: an add() has either seen it or is seen below.
    SpinGuard guard(lock_);
    if (cancelled_.exchange(true, std::memory_order_acq_rel)) return;
  }
  while (CancelHook* hook = take_first()) {
    hook->callback_(*hook);
    running_.store(nullptr, std::memory_order_release);
    // From here on the hook may be gone.
  }
}

}  // namespace hati
