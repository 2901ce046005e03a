// SPDX-License-Identifier: MIT
#include "kernel/ipc/operations.h"

#include <array>

#include "abi/call.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page_cache.h"
#include "kernel/thread/process.h"
#include "kernel/thread/resume.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/thread.h"

namespace hati {

namespace {

constexpr u32 kReclaimTries = 64;  // pieces, for an operation that finds no memory

Result<> start_nop(Ring& ring, Thread&, const Submission& submission) {
  ring.complete_now(submission, 0);
  return {};
}

Result<> start_timeout(Ring& ring, Thread&, const Submission& submission) {
  if (submission.args[0] == kNever) return fail(Error::kInvalidArgument);
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return operation->track(submission.args[0]);
}

Result<> start_cancel(Ring& ring, Thread&, const Submission& submission) {
  if (!ring.cancel(submission.args[0])) return fail(Error::kNotFound);
  ring.complete_now(submission, 0);
  return {};
}

Result<> start_copy(Ring& ring, Thread& thread, const Submission& submission) {
  const auto& args = submission.args;
  if (args[0] > ~u32{0} || args[2] > ~u32{0}) return fail(Error::kBadHandle);
  const auto copy = [&] {
    return copy_between(thread, static_cast<Handle>(args[0]), args[1], static_cast<Handle>(args[2]), args[3], args[4]);
  };
  auto bytes = copy();
  for (u32 tries = 0; tries < kReclaimTries && !bytes && bytes.error() == Error::kNoMemory && frames.low() && !page_cache.exhausted();
       ++tries)
    if (page_cache.reclaim_piece() != 0) bytes = copy();
  if (!bytes) return fail(bytes.error());
  ring.complete_now(submission, static_cast<i64>(*bytes));
  return {};
}

Result<> start_thread_resume(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Thread> target = TRY(thread.process().handles().get<Thread>(submission.handle, Rights::kManage));
  if (target->supervisor() != &thread.process()) return fail(Error::kNotSupported);
  return resume_supervised(*target, ring, submission.user_data);  // a trap is never quiet
}

Result<> start_thread_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Thread> target = TRY(thread.process().handles().get<Thread>(submission.handle, Rights::kWait));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return target->wait_for_end(*operation);
}

Result<> start_space_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<AddressSpace> target = TRY(thread.process().handles().get<AddressSpace>(submission.handle, Rights::kWait));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return as_process(*target).wait_for_end(*operation);
}

constexpr std::array<OperationStarter, static_cast<usize>(Operation::kCount)> kStarters = {
    start_nop,           start_timeout,       start_cancel,         start_channel_send, start_channel_receive,
    start_channel_call,  start_event_wait,    start_interrupt_wait, start_futex_wait,   start_futex_wake,
    start_copy,          start_thread_resume, start_thread_wait,    start_space_wait,   start_page_in,
    start_channel_reply, start_pager_wait,
};

// The flags are known and fit the operation.
bool flags_allowed(Operation operation, u16 flags) {
  if (flags <= kSubmitQuiet) [[likely]]
    return true;
  if ((flags & ~(kSubmitQuiet | kSubmitInline)) != 0) return false;  // kSubmitReceive: only as in kInlineReplyReceiveWord
  return (operation >= Operation::kChannelSend && operation <= Operation::kChannelCall) || operation == Operation::kChannelReply;
}

}  // namespace

void start_operation(Ring& ring, Thread& thread, const Submission& submission) {
  const auto number = static_cast<usize>(submission.operation);
  Result<> started = fail(Error::kUnknownCall);
  if (number < kStarters.size()) [[likely]] {
    if (!flags_allowed(submission.operation, submission.flags)) [[unlikely]] {
      started = fail(Error::kInvalidArgument);
    } else if (auto room = ring.reserve_operation(); !room && submission.operation != Operation::kCancel) [[unlikely]] {
      started = fail(room.error());
    } else {
      started = kStarters[number](ring, thread, submission);
    }
  }
  if (!started) [[unlikely]]
    ring.complete_now(submission, -static_cast<i64>(started.error()));
}

namespace {

// One end of a copy; `keep` holds the object.
Result<AddressSpace::CopyEnd> copy_end(Thread& thread, Handle handle, u64 address, bool writing, Ref<Object>& keep) {
  if (handle == kOwnSpace) return AddressSpace::CopyEnd{.space = &thread.process(), .address = address};
  auto entry = TRY(thread.process().handles().get_any(handle, Rights::kNone));
  keep = std::move(entry.object);
  if (keep->type() == ObjectType::kAddressSpace) {
    if (!has(entry.rights, Rights::kManage)) return fail(Error::kNoRight);
    return AddressSpace::CopyEnd{.space = static_cast<AddressSpace*>(keep.get()), .address = address};
  }
  if (keep->type() != ObjectType::kMemory) return fail(Error::kWrongType);
  if (!has(entry.rights, writing ? Rights::kWrite : Rights::kRead)) return fail(Error::kNoRight);
  return AddressSpace::CopyEnd{.memory = static_cast<Memory*>(keep.get()), .address = address, .pager = has(entry.rights, Rights::kManage)};
}

}  // namespace

Result<u64> copy_between(Thread& thread, u32 to, u64 to_address, u32 from, u64 from_address, u64 bytes) {
  Ref<Object> keep_to, keep_from;
  const auto target = TRY(copy_end(thread, to, to_address, true, keep_to));
  const auto source = TRY(copy_end(thread, from, from_address, false, keep_from));
  return AddressSpace::copy(target, source, bytes);
}

}  // namespace hati
