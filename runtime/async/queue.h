// SPDX-License-Identifier: MIT
// Bounded queue between coroutines, any number on both sides. A full queue makes producers wait: back-pressure.
#pragma once

#include <deque>
#include <optional>

#include "runtime/async/wait_list.h"

namespace hati::async {

template <class T>
class Queue {
 public:
  explicit Queue(usize capacity) : capacity_(capacity) {}

  // kPeerClosed after close(), kCancelled.
  Task<Result<void>> push(T value) {
    if (auto pushed = try_push(value); pushed || pushed.error() != Error::kWouldBlock) co_return pushed;
    WaitEntry entry(room_);
    for (;;) {
      if (auto pushed = try_push(value); pushed || pushed.error() != Error::kWouldBlock) co_return pushed;
      if (auto waited = co_await entry.wait(); !waited) {
        room_.wake_one();  // a wake that this waiter may have used up is for another
        co_return fail(waited.error());
      }
    }
  }
  // kWouldBlock, and the value is left alone, if it is full; kPeerClosed.
  Result<void> try_push(T& value) {
    {
      SpinGuard guard(lock_);
      if (closed_) return fail(Error::kPeerClosed);
      if (items_.size() >= capacity_) return fail(Error::kWouldBlock);
      items_.push_back(std::move(value));
    }
    filled_.wake_one();
    return {};
  }

  // kPeerClosed once it is closed and empty, kCancelled, kTimedOut.
  Task<Result<T>> pop(u64 deadline_ns = kNever) {
    if (auto popped = try_pop(); popped || popped.error() != Error::kWouldBlock) co_return popped;
    WaitEntry entry(filled_);
    for (;;) {
      if (auto popped = try_pop(); popped || popped.error() != Error::kWouldBlock) co_return popped;
      if (auto waited = co_await entry.wait(deadline_ns); !waited) {
        filled_.wake_one();
        co_return fail(waited.error());
      }
    }
  }
  Result<T> try_pop() {
    std::optional<T> value;
    {
      SpinGuard guard(lock_);
      if (items_.empty()) return fail(closed_ ? Error::kPeerClosed : Error::kWouldBlock);
      value.emplace(std::move(items_.front()));
      items_.pop_front();
    }
    room_.wake_one();
    return *std::move(value);
  }

  // What is in it can still be popped.
  void close() {
    {
      SpinGuard guard(lock_);
      closed_ = true;
    }
    room_.wake_all();
    filled_.wake_all();
  }

 private:
  const usize capacity_;
  SpinLock lock_;
  std::deque<T> items_ HATI_GUARDED_BY(lock_);
  bool closed_ HATI_GUARDED_BY(lock_) = false;
  WaitList room_, filled_;
};

}  // namespace hati::async
