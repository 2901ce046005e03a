// SPDX-License-Identifier: MIT
#include "kernel/thread/timer.h"

#include "abi/ring.h"
#include "kernel/debug/panic.h"

namespace hati {

void TimerQueue::update_next() {
  next_ns_.store(timers_.empty() ? kNever : timers_.begin()->deadline_ns_, std::memory_order_relaxed);
}

bool TimerQueue::add(Timer& timer, u64 deadline_ns) {
  Guard guard(lock_);
  HATI_ASSERT(timer.queue_.load(std::memory_order_relaxed) == nullptr);
  timer.deadline_ns_ = deadline_ns;
  timer.queue_.store(this, std::memory_order_release);
  const bool first = timers_.insert(timer) == timers_.begin();
  if (first) next_ns_.store(deadline_ns, std::memory_order_relaxed);
  return first;
}

void TimerQueue::remove_queued(Timer& timer) {
  TimerQueue* queue = timer.queue_.load(std::memory_order_acquire);
  if (queue == nullptr) return;
  Guard guard(queue->lock_);
  if (timer.queue_.load(std::memory_order_relaxed) != queue) return;  // it expired while we waited
  const bool first = queue->timers_.begin() == queue->timers_.iterator_to(timer);
  queue->timers_.erase(queue->timers_.iterator_to(timer));
  timer.queue_.store(nullptr, std::memory_order_relaxed);
  if (first) queue->update_next();
}

Timer* TimerQueue::take_due(u64 now_ns) {
  Guard guard(lock_);
  while (!timers_.empty()) {
    Timer& timer = *timers_.begin();
    if (timer.deadline_ns_ > now_ns) break;
    const bool claimed = timer.claim_expiry();
    timers_.erase(timers_.begin());
    // From here a remote CPU in remove() may go on and free the timer, unless it is ours.
    timer.queue_.store(nullptr, std::memory_order_release);
    update_next();
    if (claimed) return &timer;
  }
  return nullptr;
}

void TimerQueue::run(u64 now_ns, u32 limit) {
  while (limit-- > 0) {
    Timer* timer = take_due(now_ns);
    if (timer == nullptr) return;
    timer->expired();
  }
}

}  // namespace hati
