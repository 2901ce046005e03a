// SPDX-License-Identifier: MIT
// Ring operations as awaitables: `co_await submit(submission)`, or by type: `co_await event_wait(h)`. The operation lives in
// the awaiting frame. If the running task's CancelSource is cancelled, the operation is cancelled in the kernel (Operation::kCancel) and the
// await ends with kCancelled, or with its result if that was faster: never before the kernel has let go of the buffers.
#pragma once

#include "runtime/cancel.h"
#include "runtime/executor.h"

namespace hati {

// The awaitable behind all operations that can be cancelled.
class OperationAwaiter : private PendingOperation, private CancelHook, private Posted {
 public:
  explicit OperationAwaiter(const Submission& submission) : CancelHook(&on_cancel), submission_(submission) {}

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> coroutine) noexcept {
    return start(coroutine.promise());
  }
  Completion await_resume() const noexcept { return {.user_data = 0, .result = result, .value = {value[0], value[1]}}; }

 private:
  bool start(PromiseBase& promise);
  static void on_cancel(CancelHook& hook);
  static void on_posted(Posted& posted);
  static void on_complete(PendingOperation& operation);

  Submission submission_;
  Worker* worker_ = nullptr;
  CancelSource* source_ = nullptr;
  bool completed_ = false;  // worker thread only
  std::atomic<bool> cancel_posted_{false};  // on_cancel() has run and on_posted() has not
};

// The completion as the kernel gave it. `user_data` of the submission is ours.
inline OperationAwaiter submit(const Submission& submission) { return OperationAwaiter(submission); }

// The result alone: a value >= 0 or the error.
class ResultAwaiter : public OperationAwaiter {
 public:
  using OperationAwaiter::OperationAwaiter;
  Result<u64> await_resume() const noexcept {
    const Completion completion = OperationAwaiter::await_resume();
    if (completion.result < 0) return fail(static_cast<Error>(-completion.result));
    return static_cast<u64>(completion.result);
  }
};

// The event's count, which is above 0 and was taken.
inline ResultAwaiter event_wait(Handle event) { return ResultAwaiter({.operation = Operation::kEventWait, .handle = event}); }
// The number of interrupts since the last wait.
inline ResultAwaiter interrupt_wait(Handle interrupt) { return ResultAwaiter({.operation = Operation::kInterruptWait, .handle = interrupt}); }
// The exit code.
inline ResultAwaiter thread_wait(Handle thread) { return ResultAwaiter({.operation = Operation::kThreadWait, .handle = thread}); }
// Bytes copied. Arguments as call::copy.
inline ResultAwaiter copy_operation(Handle destination, u64 to, Handle source, u64 from, usize bytes) {
  return ResultAwaiter({.operation = Operation::kCopy, .args = {destination, to, source, from, bytes}});
}
// Pages of [address, address + bytes) of a Memory or AddressSpace that a copy found kNotResident: then copy again. `write`: they will be
// written to. The pager's error, kPeerClosed, kNoMemory.
inline ResultAwaiter page_in(Handle target, u64 address, u64 bytes, bool write) {
  return ResultAwaiter({.operation = Operation::kPageIn, .handle = target, .args = {address, bytes, write ? u64{1} : u64{0}}});
}

struct PagerWork {
  PagerRequest kind;
  u64 key;
  u64 offset, bytes;  // whole pages; 0 for kWriteBack
};
class PagerWaitAwaiter : public OperationAwaiter {
 public:
  using OperationAwaiter::OperationAwaiter;
  Result<PagerWork> await_resume() const noexcept {
    const Completion completion = OperationAwaiter::await_resume();
    if (completion.result < 0) return fail(static_cast<Error>(-completion.result));
    constexpr u32 kCountShift = 48;
    return PagerWork{static_cast<PagerRequest>(completion.result), completion.value[0],
                     (completion.value[1] & ((u64{1} << kCountShift) - 1)) << kPageShift, completion.value[1] >> kCountShift << kPageShift};
  }
};
// The next request to a pager. Several may wait at once.
inline PagerWaitAwaiter pager_wait(Handle pager) { return PagerWaitAwaiter({.operation = Operation::kPagerWait, .handle = pager}); }
// Sends a message; completes when it is queued. The handles move if it succeeds.
inline ResultAwaiter channel_send(Handle channel, std::span<const std::byte> bytes, std::span<const Handle> handles = {}) {
  return ResultAwaiter({.operation = Operation::kChannelSend, .handle = channel,
                        .args = {reinterpret_cast<u64>(bytes.data()), bytes.size(), reinterpret_cast<u64>(handles.data()), handles.size()}});
}

struct Received {
  usize bytes;
  u64 transaction;  // 0: no reply is expected
  u32 handles;
};
class ReceiveAwaiter : public OperationAwaiter {
 public:
  using OperationAwaiter::OperationAwaiter;
  // kTooBig: the message stays queued. kPeerClosed after the last message.
  Result<Received> await_resume() const noexcept {
    const Completion completion = OperationAwaiter::await_resume();
    if (completion.result < 0) return fail(static_cast<Error>(-completion.result));
    return Received{static_cast<usize>(completion.result), completion.value[0], static_cast<u32>(completion.value[1])};
  }
};
// The buffers outlive the await. The caller owns the handles received.
inline ReceiveAwaiter channel_receive(Handle channel, std::span<std::byte> bytes, std::span<Handle> handles) {
  return ReceiveAwaiter({.operation = Operation::kChannelReceive, .handle = channel,
                         .args = {reinterpret_cast<u64>(bytes.data()), bytes.size(), reinterpret_cast<u64>(handles.data()), handles.size()}});
}
// Request out, reply in. `handles` holds `sent` handles to send and receives the reply's. `transaction` is 0 in the result.
inline ReceiveAwaiter channel_call(Handle channel, std::span<const std::byte> bytes, std::span<std::byte> reply, std::span<Handle> handles, usize sent) {
  return ReceiveAwaiter({.operation = Operation::kChannelCall, .handle = channel,
                         .args = {reinterpret_cast<u64>(bytes.data()), bytes.size(), reinterpret_cast<u64>(handles.data()), sent,
                                  reinterpret_cast<u64>(reply.data()), reply.size() | (static_cast<u64>(handles.size()) << 32)}});
}

struct SpaceEnded {
  i32 code;
  ThreadEnd how;
  u64 thread_koid;  // of the thread that failed
};
class SpaceWaitAwaiter : public OperationAwaiter {
 public:
  using OperationAwaiter::OperationAwaiter;
  Result<SpaceEnded> await_resume() const noexcept {
    const Completion completion = OperationAwaiter::await_resume();
    if (completion.result < 0) return fail(static_cast<Error>(-completion.result));
    return SpaceEnded{static_cast<i32>(completion.result), static_cast<ThreadEnd>(completion.value[0]), completion.value[1]};
  }
};
inline SpaceWaitAwaiter space_wait(Handle space) { return SpaceWaitAwaiter({.operation = Operation::kSpaceWait, .handle = space}); }

}  // namespace hati
