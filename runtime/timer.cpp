// SPDX-License-Identifier: MIT
// A binary heap of timers that know their place in it.
#include "runtime/timer.h"

#include "runtime/call.h"
#include "runtime/executor.h"

namespace hati {

void Timer::arm(u64 deadline_ns) {
  TimerHeap& heap = Worker::current().timers();
  heap_.store(&heap, std::memory_order_release);
  heap.add(*this, deadline_ns);
}

bool Timer::cancel() {
  TimerHeap* heap = heap_.load(std::memory_order_acquire);
  return heap != nullptr && heap->remove(*this);
}

void TimerHeap::add(Timer& timer, u64 deadline_ns) {
  if (deadline_ns == kNever) return;
  SpinGuard guard(lock_);
  timer.deadline_ = deadline_ns;
  heap_.push_back(&timer);
  timer.index_ = heap_.size() - 1;
  sift_up(timer.index_);
  next_.store(heap_.front()->deadline_, std::memory_order_relaxed);
}

bool TimerHeap::remove(Timer& timer) {
  // Its callback may be running on the heap's own thread, which must not wait for itself, and may arm the timer again until it is done.
  const Worker* worker = Worker::current_or_null();
  const bool own = worker != nullptr && &worker->timers() == this;
  for (bool prevented = false;; call::thread_yield()) {
    SpinGuard guard(lock_);
    if (timer.index_ != Timer::kNotInHeap) {
      take(timer.index_);
      prevented = true;
    }
    if (own || running_.load(std::memory_order_acquire) != &timer) return prevented;
  }
}

bool TimerHeap::expire(u64 now_ns) {
  bool any = false;
  for (;;) {
    Timer* timer = nullptr;
    {
      SpinGuard guard(lock_);
      if (heap_.empty() || heap_.front()->deadline_ > now_ns) return any;
      timer = heap_.front();
      take(0);
      running_.store(timer, std::memory_order_release);
    }
    timer->callback_(*timer);
    running_.store(nullptr, std::memory_order_release);
    any = true;
  }
}

void TimerHeap::put(usize index, Timer* timer) {
  heap_[index] = timer;
  timer->index_ = index;
}

void TimerHeap::sift_up(usize index) {
  Timer* timer = heap_[index];
  while (index > 0) {
    const usize parent = (index - 1) / 2;
    if (heap_[parent]->deadline_ <= timer->deadline_) break;
    put(index, heap_[parent]);
    index = parent;
  }
  put(index, timer);
}

void TimerHeap::sift_down(usize index) {
  Timer* timer = heap_[index];
  for (;;) {
    usize child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->deadline_ < heap_[child]->deadline_) ++child;
    if (timer->deadline_ <= heap_[child]->deadline_) break;
    put(index, heap_[child]);
    index = child;
  }
  put(index, timer);
}

void TimerHeap::take(usize index) {
  heap_[index]->index_ = Timer::kNotInHeap;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (index < heap_.size()) {
    put(index, last);
    sift_up(index);
    sift_down(last->index_);
  }
  next_.store(heap_.empty() ? kNever : heap_.front()->deadline_, std::memory_order_relaxed);
}

}  // namespace hati
