// SPDX-License-Identifier: MIT
// WaitList: "something changed here". Waiters are links in their owner's memory: nothing is allocated. The pattern without lost
// wake-ups: link, test the condition, wait.
//
//     async::WaitEntry entry(list);
//     while (!condition()) CO_TRY(co_await entry.wait());
//
// Wake-ups may be spurious. The list has its own spinlock; callbacks run under it.
#pragma once

#include "runtime/async/signal.h"

namespace hati::async {

class WaitList;

// A registration; the callback runs under the list's lock on the waking thread. It must be short, must not touch the list,
// and returns whether it counts against the limit of wake().
class WaitLink {
 public:
  using Callback = bool (*)(WaitLink&, u64 key);
  explicit WaitLink(Callback callback) : callback_(callback) {}
  WaitLink(const WaitLink&) = delete;
  WaitLink& operator=(const WaitLink&) = delete;

 private:
  friend class WaitList;
  Callback callback_;
  WaitLink* next_ = nullptr;
  WaitLink* previous_ = nullptr;
  bool linked_ = false;
};

class WaitList {
 public:
  WaitList() = default;
  ~WaitList();  // asserts that it is empty
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;

  void add(WaitLink& link);
  // Idempotent. On return the callback does not run.
  void remove(WaitLink& link);
  // Calls waiters in the order of arrival until `limit` of them counted; they stay linked but move to the end. How many counted.
  u32 wake(u32 limit, u64 key = 0);
  u32 wake_one(u64 key = 0) { return wake(1, key); }
  u32 wake_all(u64 key = 0) { return wake(~0u, key); }
  bool empty() const { return count_.load(std::memory_order_seq_cst) == 0; }

 private:
  void link_last(WaitLink& link) HATI_REQUIRES(lock_);
  void unlink(WaitLink& link) HATI_REQUIRES(lock_);

  SpinLock lock_;
  WaitLink* first_ HATI_GUARDED_BY(lock_) = nullptr;
  WaitLink* last_ HATI_GUARDED_BY(lock_) = nullptr;
  std::atomic<u32> count_{0};
};

// A coroutine's place in a list for the life of this object.
class WaitEntry : private WaitLink {
 public:
  explicit WaitEntry(WaitList& list) : WaitLink(&on_wake), list_(list) { list_.add(*this); }
  ~WaitEntry() { list_.remove(*this); }
  // Until a wake since construction or the last wait. kCancelled, kTimedOut.
  Signal::Interruptible wait(u64 deadline_ns = kNever) { return signal_.wait_interruptible(deadline_ns); }

 private:
  static bool on_wake(WaitLink& link, u64) { return static_cast<WaitEntry&>(link).signal_.set(); }

  WaitList& list_;
  Signal signal_;
};

}  // namespace hati::async
