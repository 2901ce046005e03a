// SPDX-License-Identifier: MIT
// Wait queues and waiters (core/wait.h).
#include "servers/linux/core/wait.h"

#include "servers/linux/core/thread.h"

namespace hati::linux {

WaitQueue::~WaitQueue() {
  // A watcher that is still linked would be left with a dangling queue.
  if (first_.load(std::memory_order_relaxed) != nullptr) std::abort();
}

void WaitQueue::add(WaitLink& link) {
  SpinGuard guard(lock_);
  link.queue = this;
  link.next = nullptr;
  link.previous = last_;
  if (last_ != nullptr) {
    last_->next = &link;
  } else {
    first_.store(&link, std::memory_order_seq_cst);
  }
  last_ = &link;
}

void WaitQueue::remove(WaitLink& link) {
  SpinGuard guard(lock_);
  if (link.previous != nullptr) {
    link.previous->next = link.next;
  } else {
    first_.store(link.next, std::memory_order_seq_cst);
  }
  if (link.next != nullptr) {
    link.next->previous = link.previous;
  } else {
    last_ = link.previous;
  }
  link.next = link.previous = nullptr;
  link.queue = nullptr;
}

void WaitQueue::wake_slow(u32 events, u32 exclusive_limit) {
  SpinGuard guard(lock_);
  WaitLink* next = nullptr;
  for (WaitLink* link = first_.load(std::memory_order_relaxed); link != nullptr; link = next) {
    next = link->next;
    if ((link->events & events) == 0) continue;
    if (link->exclusive && exclusive_limit == 0) continue;
    if (link->waiter == nullptr) {
      static_cast<CallbackLink*>(link)->callback(*link, events);
      continue;
    }
    const bool woken = link->waiter->notify(WakeReason::kEvent);
    if (link->exclusive && woken) --exclusive_limit;
  }
}

void Waiter::add(WaitQueue& queue, u32 events, bool exclusive) {
  if (inline_count_ == kInlineLinks) std::abort();  // callers with more queues bring links of their own
  add(queue, inline_links_[inline_count_++], events, exclusive);
}

void Waiter::add(WaitQueue& queue, WaitLink& link, u32 events, bool exclusive) {
  link.waiter = this;
  link.events = events;
  link.exclusive = exclusive;
  link.chain = links_;
  links_ = &link;
  queue.add(link);
}

void Waiter::remove_all() {
  for (WaitLink* link = links_; link != nullptr; link = link->chain) link->queue->remove(*link);
  links_ = nullptr;
  inline_count_ = 0;
}

bool Waiter::interrupted() const {
  if (thread_ == nullptr || mode_ == kUninterruptible) return false;
  return mode_ == kKillable ? thread_->kill_pending() : thread_->signal_pending();
}

Task<SysResult<>> Waiter::wait(u64 deadline) {
  const bool registered = thread_ != nullptr && mode_ != kUninterruptible;
  if (registered) {
    {
      SpinGuard guard(thread_->lock_);
      thread_->sleeping_in_ = this;
    }
    // With set_work(): either it sees asleep_, or the test below sees its bits.
    thread_->asleep_.store(true, std::memory_order_seq_cst);
    if (interrupted()) notify(WakeReason::kSignal);
  }
  const Result<u64> bits = co_await signal_.wait_interruptible(deadline);
  if (registered) {
    thread_->voluntary_switches.fetch_add(1, std::memory_order_relaxed);
    thread_->asleep_.store(false, std::memory_order_relaxed);
    SpinGuard guard(thread_->lock_);
    thread_->sleeping_in_ = nullptr;
  }
  if (!bits) co_return fail(bits.error() == Error::kTimedOut ? Errno::kTIMEDOUT : Errno::kINTR);
  // An event wins over a signal, so that a wake of an exclusive waiter is never lost; the next wait() sees the signal.
  if ((*bits & async::kSignalSet) == 0 && interrupted()) co_return fail(Errno::kRESTARTSYS);
  co_return {};
}

}  // namespace hati::linux
