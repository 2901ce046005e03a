// SPDX-License-Identifier: MIT
// Structured concurrency: tasks that run beside the current one are started in a Scope and joined before it goes. Typical: one
// Scope per client; when the client leaves, cancel() and `co_await scope.join()`. Tasks of a scope carry its CancelSource.
#pragma once

#include "runtime/async/signal.h"
#include "runtime/cancel.h"
#include "runtime/task.h"

namespace hati {

class Worker;

class Scope {
 public:
  // Cancelled together with `parent`; null: only by cancel().
  explicit Scope(CancelSource* parent = nullptr) : source_(parent) {}
  // Asserts that everything was joined.
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Starts a task; it first runs when the current worker gets to it. Any thread, also from tasks of the scope; not after join() returned.
  void start(Task<void> task);
  // On that worker.
  void start_on(Worker& worker, Task<void> task);

  void cancel() { source_.cancel(); }
  CancelSource& source() { return source_; }
  // Tasks that have not ended.
  u32 running() const { return running_.load(std::memory_order_relaxed) - 1; }

  // Waits until all tasks have ended. Not cancellable itself: cancel() the scope to hurry it. One joiner.
  Task<void> join();

 private:
  friend struct PromiseBase;
  friend class Runtime;
  friend class Simulation;
  PromiseBase& adopt(Task<void> task);
  void finished();

  CancelSource source_;
  std::atomic<u32> running_{1};  // tasks, and one for the scope itself until join()
  async::Signal done_;
  bool joined_ = false;
};

}  // namespace hati
