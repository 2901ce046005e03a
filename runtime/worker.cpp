// SPDX-License-Identifier: MIT
// The event loop of a worker: completions, runnable coroutines, posts from other threads, timers; then one ring_enter that submits
// everything and sleeps.
#include "runtime/call.h"
#include "runtime/check.h"
#include "runtime/executor.h"
#include "runtime/log.h"

namespace hati {

Result<void> Worker::open(u32 index, u32 submit_entries, u32 complete_entries) {
  RingRequest request{.submit_entries = submit_entries, .complete_entries = complete_entries, .address = 0};
  ring_ = OwnedHandle(TRY(call::ring_create(request)));
  wake_event_ = TRY(KernelEvent::create());
  index_ = index;
  header_ = reinterpret_cast<RingHeader*>(request.address);
  submissions_ = reinterpret_cast<Submission*>(request.address + header_->submit_offset);
  completions_ = reinterpret_cast<const Completion*>(request.address + header_->complete_offset);
  submit_entries_ = header_->submit_entries;
  submit_mask_ = submit_entries_ - 1;
  complete_mask_ = header_->complete_entries - 1;
  wake_operation_.complete = [](PendingOperation&) {
    Worker& self = current();
    self.arm_wake();
    self.run_inbox();
  };
  return {};
}

void Worker::close() {
  ring_.reset();
  wake_event_.reset();
}

// One kEventWait is always in flight, so that poke() reaches a sleeping worker. Whoever finds a list empty pokes, and only the wait's
// completion empties the lists: a non-empty list has a poke on its way.
void Worker::arm_wake() {
  push({.operation = Operation::kEventWait, .handle = wake_event_.get(), .user_data = reinterpret_cast<u64>(&wake_operation_)});
}

void Worker::poke() { (void)wake_event_.signal(); }

void Worker::post(PromiseBase& coroutine) {
  PromiseBase* first = inbox_.load(std::memory_order_relaxed);
  do {
    coroutine.next = first;
  } while (!inbox_.compare_exchange_weak(first, &coroutine, std::memory_order_release, std::memory_order_relaxed));
  // From here on the coroutine may run. Whoever finds the list empty wakes the worker, which takes the whole list each time.
  if (first == nullptr) poke();
}

void Worker::post(Posted& function) {
  Posted* first = functions_.load(std::memory_order_relaxed);
  do {
    function.next = first;
  } while (!functions_.compare_exchange_weak(first, &function, std::memory_order_release, std::memory_order_relaxed));
  if (first == nullptr) poke();
}

void Worker::stop() {
  stopping_.store(true, std::memory_order_release);
  poke();
}

void Worker::flush() {
  while (tail_ - header_->submit_head.load(std::memory_order_acquire) >= submit_entries_) {
    const auto entered = call::ring_enter(ring_.get(), tail_ - submitted_, 0, kNever);
    HATI_CHECK(entered || entered.error() == Error::kTimedOut);
    submitted_ = header_->submit_head.load(std::memory_order_acquire);
  }
}

[[gnu::always_inline]] inline void Worker::dispatch(const Completion& completion) {
  auto* operation = reinterpret_cast<PendingOperation*>(completion.user_data);
  if (operation == nullptr) return;  // a cancellation's own completion
  operation->result = completion.result;
  operation->value[0] = completion.value[0];
  operation->value[1] = completion.value[1];
  if (operation->complete == nullptr) [[likely]] {
    operation->waiter->handle().resume();
  } else {
    operation->complete(*operation);
  }
}

[[gnu::always_inline]] inline bool Worker::reap() {
  const u32 tail = header_->complete_tail.load(std::memory_order_acquire);
  if (head_ == tail) return false;
  do {
    const Completion completion = completions_[head_ & complete_mask_];
    header_->complete_head.store(++head_, std::memory_order_release);
    dispatch(completion);
  } while (head_ != tail);
  return true;
}

// Runs what was runnable at the start; what becomes so meanwhile waits for the next round.
[[gnu::always_inline]] inline bool Worker::run_ready() {
  PromiseBase* coroutine = ready_first_;
  if (coroutine == nullptr) [[likely]]
    return false;
  ready_first_ = ready_last_ = nullptr;
  while (coroutine != nullptr) {
    PromiseBase* next = coroutine->next;
    coroutine->handle().resume();
    coroutine = next;
  }
  return true;
}

namespace {

template <class Node>
Node* reversed(Node* list) {
  Node* result = nullptr;
  while (list != nullptr) {
    Node* next = list->next;
    list->next = result;
    result = list;
    list = next;
  }
  return result;
}

}  // namespace

void Worker::run_inbox() {
  PromiseBase* coroutine = reversed(inbox_.exchange(nullptr, std::memory_order_acquire));
  Posted* function = reversed(functions_.exchange(nullptr, std::memory_order_acquire));
  while (coroutine != nullptr) {
    PromiseBase* next = coroutine->next;
    coroutine->handle().resume();
    coroutine = next;
  }
  while (function != nullptr) {
    Posted* next = function->next;
    function->run(*function);
    function = next;
  }
}

// A busy worker looks at the clock only now and then; an idle one is told by ring_enter.
inline bool Worker::expire_timers(bool always) {
  constexpr u32 kRounds = 16;
  if (!always && !timed_out_ && ++rounds_ % kRounds != 0) [[likely]]
    return false;
  timed_out_ = false;
  const u64 now = now_ns();
  return timers_.next() <= now && timers_.expire(now);
}

// One round of the loop; whether there was anything to do.
[[gnu::always_inline]] inline bool Worker::round(bool may_sleep) {
  bool any = reap();
  any |= run_ready();
  u64 deadline = timers_.next();
  if (deadline != kNever) [[unlikely]] {
    any |= expire_timers(!may_sleep);
    deadline = timers_.next();
  }
  const u32 submit = tail_ - submitted_;
  const bool sleep = may_sleep && ready_first_ == nullptr;
  if (submit == 0 && ready_first_ != nullptr) return true;
  const auto entered = call::ring_enter(ring_.get(), submit, sleep ? 1 : 0, deadline);
  if (entered) [[likely]] {
    submitted_ += *entered;
  } else {
    HATI_CHECK(entered.error() == Error::kTimedOut);
    timed_out_ = true;
    submitted_ = header_->submit_head.load(std::memory_order_acquire);
  }
  return any || submit != 0 || header_->complete_tail.load(std::memory_order_relaxed) != head_;
}

bool Worker::step() { return round(false); }

void Worker::run() {
  current_ = this;
  arm_wake();
  while (!stopping_.load(std::memory_order_relaxed)) (void)round(true);
  current_ = nullptr;
}

void wake(PromiseBase& coroutine) {
  if (Worker* worker = Worker::current_or_null()) [[likely]] {
    worker->ready(coroutine);
  } else {
    Runtime::worker(0).post(coroutine);
  }
}

}  // namespace hati
