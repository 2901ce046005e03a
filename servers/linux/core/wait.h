// SPDX-License-Identifier: MIT
// How a coroutine of this server sleeps. A WaitQueue stands for "something changed here"; a Waiter is one sleeper, on one or many queues
// (poll). The pattern, free of lost wake-ups:
//
//     Waiter waiter(thread);
//     waiter.add(queue);                       // from here on a wake is remembered
//     while (!condition()) CO_TRY(co_await waiter.wait(deadline));
//
// wait() ends with kRESTARTSYS when the thread has a signal to take (or must stop or exit), with kTIMEDOUT at the deadline.
// Wake-ups may be spurious: always test the condition again. No lock may be held over wait().
#pragma once

#include <atomic>

#include "abi/ring.h"
#include "base/annotations.h"
#include "runtime/async/signal.h"
#include "runtime/spinlock.h"
#include "runtime/task.h"
#include "servers/linux/core/errno.h"

namespace hati::linux {

class Thread;
class Waiter;

// One link between a waiter and a queue; lives in the waiter's frame.
struct WaitLink {
  WaitLink* next = nullptr;
  WaitLink* previous = nullptr;
  Waiter* waiter = nullptr;  // null: a CallbackLink
  class WaitQueue* queue = nullptr;
  WaitLink* chain = nullptr;  // the waiter's own list
  u32 events = ~0u;        // wakes whose events do not intersect are ignored (poll bits; ~0 for any)
  bool exclusive = false;  // counts against the limit of wake()
};

// Called instead of a coroutine being resumed, for watchers that are no thread (epoll items, timers). Runs under the queue's lock: it must be
// short and take no lock that is ever held while waking that queue.
using WaitCallback = void (*)(WaitLink& link, u32 events);

struct CallbackLink : WaitLink {
  WaitCallback callback = nullptr;
};

class WaitQueue {
 public:
  WaitQueue() = default;
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;
  ~WaitQueue();  // everybody has left

  // Wakes all non-exclusive waiters and at most `exclusive_limit` exclusive ones interested in `events`. Cheap when nobody waits.
  // Waiters already woken do not count against the limit.
  void wake(u32 events = ~0u, u32 exclusive_limit = 1) HATI_EXCLUDES(lock_) {
    if (!empty()) wake_slow(events, exclusive_limit);
  }
  void wake_all(u32 events = ~0u) HATI_EXCLUDES(lock_) { wake(events, ~0u); }

  void add(WaitLink& link) HATI_EXCLUDES(lock_);
  void remove(WaitLink& link) HATI_EXCLUDES(lock_);
  // A watcher: waiter must be null.
  void add_callback(CallbackLink& link) { add(link); }

  bool empty() const { return first_.load(std::memory_order_seq_cst) == nullptr; }

 private:
  void wake_slow(u32 events, u32 exclusive_limit) HATI_EXCLUDES(lock_);

  SpinLock lock_;
  std::atomic<WaitLink*> first_{nullptr};  // written under lock_
  WaitLink* last_ HATI_GUARDED_BY(lock_) = nullptr;
};

enum class WakeReason : u32 { kEvent, kSignal };

class Waiter {
 public:
  enum Mode { kInterruptible, kKillable, kUninterruptible };

  // thread may be null for server tasks: then only events and time-outs wake.
  explicit Waiter(Thread* thread, Mode mode = kInterruptible) : thread_(thread), mode_(mode) {}
  explicit Waiter(Thread& thread, Mode mode = kInterruptible) : Waiter(&thread, mode) {}
  ~Waiter() { remove_all(); }  // leaves all queues
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // At most kInlineLinks queues without links of one's own; poll uses add(queue, link).
  void add(WaitQueue& queue, u32 events = ~0u, bool exclusive = false);
  void add(WaitQueue& queue, WaitLink& link, u32 events, bool exclusive = false);
  void remove_all();

  // Sleeps until an event since construction or the last wait(). deadline: absolute monotonic ns, kNever for none.
  Task<SysResult<>> wait(u64 deadline = kNever);

  // Called by wakers. Idempotent; true if this call made the waiter run.
  bool notify(WakeReason reason) { return signal_.set(reason == WakeReason::kEvent ? async::kSignalSet : async::kSignalOther); }

 private:
  friend class Thread;
  friend class WaitQueue;
  static constexpr int kInlineLinks = 2;
  bool interrupted() const;

  Thread* const thread_;
  const Mode mode_;
  async::Signal signal_;
  WaitLink inline_links_[kInlineLinks];
  int inline_count_ = 0;
  WaitLink* links_ = nullptr;  // all links, through WaitLink::chain
};

}  // namespace hati::linux
