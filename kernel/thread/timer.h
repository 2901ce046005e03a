// SPDX-License-Identifier: MIT
// Deadlines. Each CPU has a TimerQueue ordered by time; a Timer is embedded in what it wakes (a thread that waits in
// kRingEnter, an operation with a deadline). The queue's lock also decides races: whoever removes the timer first wins.
#pragma once

#include <atomic>
#include <boost/intrusive/set.hpp>

#include "base/types.h"
#include "kernel/sync/spinlock.h"

namespace hati {

class TimerQueue;

class Timer : public boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>> {
 public:
  u64 deadline_ns() const { return deadline_ns_; }
  bool queued() const { return queue_.load(std::memory_order_acquire) != nullptr; }
  // Whether it will fire at that time in that queue. Only on the queue's own CPU, for timers that nobody else adds or removes.
  bool armed(const TimerQueue& queue, u64 deadline_ns) const {
    return queue_.load(std::memory_order_relaxed) == &queue && deadline_ns_ == deadline_ns;
  }

 protected:
  Timer() = default;
  ~Timer() = default;

  // The deadline has come; called with the queue's lock held. Returns whether expired() shall follow: false if whatever the
  // timer guards has been finished by somebody else, who waits for the lock in TimerQueue::remove() before freeing it.
  virtual bool claim_expiry() = 0;
  // Called after claim_expiry() returned true, without locks.
  virtual void expired() = 0;

 private:
  friend class TimerQueue;
  u64 deadline_ns_ = 0;
  std::atomic<TimerQueue*> queue_{nullptr};
};

class TimerQueue {
 public:
  TimerQueue() = default;
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // `timer` is in no queue. Returns whether it is now the first: the hardware timer may have to be set.
  bool add(Timer& timer, u64 deadline_ns) HATI_EXCLUDES(lock_);
  // Takes the timer out of whatever queue it is in; after it returns no queue touches the timer any more.
  static void remove(Timer& timer) {
    if (timer.queue_.load(std::memory_order_acquire) != nullptr) [[unlikely]]
      remove_queued(timer);
  }
  // Fires what is due, at most `limit` timers.
  void run(u64 now_ns, u32 limit) HATI_EXCLUDES(lock_);
  // The earliest deadline or kNever; may be outdated by the time it is used, never later than a timer this CPU added.
  u64 next_ns() const { return next_ns_.load(std::memory_order_relaxed); }

 private:
  struct Order {
    bool operator()(const Timer& a, const Timer& b) const { return a.deadline_ns_ < b.deadline_ns_; }
  };
  static void remove_queued(Timer& timer);
  void update_next() HATI_REQUIRES(lock_);
  Timer* take_due(u64 now_ns) HATI_EXCLUDES(lock_);  // the first due timer that could be claimed

  Spinlock lock_;
  boost::intrusive::multiset<Timer, boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>> timers_
      HATI_GUARDED_BY(lock_);
  std::atomic<u64> next_ns_{~u64{0}};
};

}  // namespace hati
