// SPDX-License-Identifier: MIT
// Worker: one thread with one ring and one queue of runnable coroutines; one per CPU, pinned. Runtime starts them.
// Only the worker's own thread touches its ring and ready queue; other threads reach it through post().
// A coroutine belongs to no worker: it goes on where its completion or its waker is.
#pragma once

#include <array>
#include <atomic>
#include <coroutine>

#include "abi/ring.h"
#include "runtime/handle.h"
#include "runtime/task.h"
#include "runtime/timer.h"

namespace hati {

inline constexpr u32 kWorkersMax = 64;

// An operation in flight; lives in the frame of the coroutine that waits for it. Submission::user_data is its address.
struct PendingOperation {
  PromiseBase* waiter = nullptr;
  i64 result = 0;
  u64 value[2] = {};
  void (*complete)(PendingOperation&) = nullptr;  // null: make the waiter run at once
};

// A function to run on a given worker's thread.
struct Posted {
  Posted* next = nullptr;
  void (*run)(Posted&) = nullptr;
};

class Worker {
 public:
  // The worker of the calling thread; only on worker threads.
  static Worker& current() { return *current_; }
  static Worker* current_or_null() { return current_; }

  u32 index() const { return index_; }
  Handle ring() const { return ring_.get(); }

  // Makes a suspended coroutine runnable on this worker. Own thread only; use hati::wake() to be called from anywhere.
  void ready(PromiseBase& coroutine) {
    coroutine.next = nullptr;
    if (ready_last_ != nullptr) {
      ready_last_->next = &coroutine;
    } else {
      ready_first_ = &coroutine;
    }
    ready_last_ = &coroutine;
  }
  // Makes a suspended coroutine runnable on this worker, or runs a function there. Any thread; wakes it if it sleeps.
  void post(PromiseBase& coroutine);
  void post(Posted& function);

  // Queues one submission for the next ring_enter; flushes when the queue is full. Own thread only.
  Submission& next_submission() {
    if (tail_ - header_->submit_head.load(std::memory_order_acquire) >= submit_entries_) [[unlikely]]
      flush();
    return submissions_[tail_ & submit_mask_];
  }
  void commit_submission() { header_->submit_tail.store(++tail_, std::memory_order_release); }
  void push(const Submission& submission) {
    next_submission() = submission;
    commit_submission();
  }

  TimerHeap& timers() { return timers_; }
  const TimerHeap& timers() const { return timers_; }

  // Runs until stop(). Called on the worker's thread by Runtime.
  void run();
  // Any thread.
  void stop();

 private:
  friend class Runtime;
  friend class Simulation;
  Worker() = default;
  Result<void> open(u32 index, u32 submit_entries, u32 complete_entries);
  void close();
  bool step();  // one round of the loop without sleeping; false if there was nothing to do
  bool round(bool may_sleep);
  bool reap();
  bool run_ready();
  void run_inbox();
  bool expire_timers(bool always);
  void flush();
  void arm_wake();
  void dispatch(const Completion& completion);
  void poke();

  static inline constinit thread_local Worker* current_ = nullptr;

  // The fast path's fields first.
  RingHeader* header_ = nullptr;
  Submission* submissions_ = nullptr;
  const Completion* completions_ = nullptr;
  u32 tail_ = 0;       // next submission
  u32 submitted_ = 0;  // submissions the kernel was told of
  u32 head_ = 0;       // next completion
  u32 submit_mask_ = 0, submit_entries_ = 0, complete_mask_ = 0;
  PromiseBase* ready_first_ = nullptr;
  PromiseBase* ready_last_ = nullptr;
  u32 rounds_ = 0;
  bool timed_out_ = false;
  OwnedHandle ring_;
  u32 index_ = 0;
  TimerHeap timers_;
  PendingOperation wake_operation_;
  KernelEvent wake_event_;

  // Written by other threads.
  alignas(64) std::atomic<PromiseBase*> inbox_{nullptr};
  std::atomic<Posted*> functions_{nullptr};
  std::atomic<bool> stopping_{false};
};

// Makes a suspended coroutine runnable: on the caller's worker, or, where the caller is none, on worker 0.
void wake(PromiseBase& coroutine);
inline void wake(std::coroutine_handle<> coroutine) { wake(PromiseBase::of(coroutine)); }

struct RuntimeOptions {
  u32 workers = 0;           // 0: one per CPU
  bool supervise = false;    // register the rings as trap rings: this process supervises threads
  bool pin = true;           // one CPU for each worker
  u32 submit_entries = 128;  // powers of two
  u32 complete_entries = 512;
};

class Runtime {
 public:
  // Starts the workers (the calling thread is worker 0), runs `main` on worker 0 and returns its result once it has ended and all
  // workers have stopped. One at a time in a process. Fails if a worker cannot be set up.
  static Result<int> run(const RuntimeOptions& options, Task<int> main);

  static u32 worker_count();
  static Worker& worker(u32 index);

 private:
  friend class Simulation;
  // The workers that exist from now on; none: stopped.
  static void set_workers(std::span<Worker* const> list);
};

}  // namespace hati
