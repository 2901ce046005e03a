// SPDX-License-Identifier: MIT
// A thread that this process supervises: `Trap trap = co_await thread.resume();` runs it until it traps; its registers are in
// page() while it is stopped. The process must have been started with RuntimeOptions::supervise. The completion may arrive on another worker than
// the one that resumed: the coroutine simply goes on there. Cancellation does not reach resume(): use interrupt().
#pragma once

#include "abi/thread.h"
#include "runtime/executor.h"

namespace hati {

class SupervisedThread {
 public:
  SupervisedThread() = default;
  // A stopped thread of a kSupervised space; the registers are all zero. `fs_base` and the rest are set through page().
  static Result<SupervisedThread> create(Handle space, u32 priority = kPriorityFair) {
    ThreadRequest request{.priority = priority};
    auto handle = TRY(ThreadHandle::create(space, request));
    return SupervisedThread(std::move(handle), reinterpret_cast<ThreadPage*>(request.page));
  }

  ThreadPage& page() const { return *page_; }
  const ThreadHandle& handle() const { return handle_; }
  explicit operator bool() const { return static_cast<bool>(handle_); }

  // If it runs, it traps with kInterrupted; else its next resume completes so at once. Any thread.
  Result<void> interrupt() const { return handle_.interrupt(); }
  // Brings page().extended up to date (and makes it authoritative: it may then be changed). Only while stopped.
  Result<void> sync_state() const { return handle_.sync_state(); }

  class ResumeAwaiter : private PendingOperation {
   public:
    explicit ResumeAwaiter(Handle thread) : thread_(thread) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> coroutine) noexcept {
      waiter = &coroutine.promise();
      Worker& worker = Worker::current();
      Submission& submission = worker.next_submission();
      submission.operation = Operation::kThreadResume;
      submission.flags = 0;
      submission.handle = thread_;
      submission.user_data = reinterpret_cast<u64>(static_cast<PendingOperation*>(this));
      worker.commit_submission();
    }
    // kKilled also when the thread could not be resumed because it is gone.
    Trap await_resume() const noexcept { return result < 0 ? Trap::kKilled : static_cast<Trap>(result); }

   private:
    Handle thread_;
  };
  // One at a time. Whatever comes back, the thread is stopped then.
  ResumeAwaiter resume() const { return ResumeAwaiter(handle_.get()); }

 private:
  SupervisedThread(ThreadHandle handle, ThreadPage* page) : handle_(std::move(handle)), page_(page) {}

  ThreadHandle handle_;
  ThreadPage* page_ = nullptr;
};

}  // namespace hati
