// SPDX-License-Identifier: MIT
// Rings of the in-process kernel: consuming submissions, completing, cancelling, sleeping.
#include <algorithm>
#include <chrono>

#include "hosted/kernel.h"

namespace hati::hosted {

namespace {

void put(Ring& ring, const Completion& completion) {
  RingHeader& header = *ring.header;
  const u32 tail = header.complete_tail.load(std::memory_order_relaxed);
  if (!ring.overflow.empty() || tail - header.complete_head.load(std::memory_order_acquire) >= header.complete_entries) {
    ring.overflow.push_back(completion);
    return;
  }
  ring.completions[tail & (header.complete_entries - 1)] = completion;
  header.complete_tail.store(tail + 1, std::memory_order_release);
}

void drain_overflow(Ring& ring) {
  while (!ring.overflow.empty()) {
    const u32 tail = ring.header->complete_tail.load(std::memory_order_relaxed);
    if (tail - ring.header->complete_head.load(std::memory_order_acquire) >= ring.header->complete_entries) return;
    const Completion completion = ring.overflow.front();
    ring.overflow.pop_front();
    ring.completions[tail & (ring.header->complete_entries - 1)] = completion;
    ring.header->complete_tail.store(tail + 1, std::memory_order_release);
  }
}

i64 cancel(Ring& ring, u64 user_data) {
  for (const PendingPtr& pending : ring.pending) {
    if (pending->submission.user_data != user_data || pending->done) continue;
    const PendingPtr keep = pending;
    complete(*keep, -static_cast<i64>(Error::kCancelled));
    return 0;
  }
  return -static_cast<i64>(Error::kNotFound);
}

void wait_for_event(const std::shared_ptr<Event>& event, const PendingPtr& operation) {
  event->waiters.push_back(operation);
  event_signal(*event, 0);
}

// Starts one operation: completes it or leaves it in its object's list.
void start(Ring& ring, const Submission& submission) {
  auto operation = std::make_shared<Pending>();
  operation->ring = &ring;
  operation->submission = submission;
  ring.pending.push_back(operation);
  Kernel& k = kernel();
  const auto with = [&](auto found, auto&& function) {
    if (!found) return complete(*operation, -static_cast<i64>(found.error()));
    operation->object = *found;
    function(*found);
  };
  switch (submission.operation) {
    case Operation::kNop: return complete(*operation, 0);
    case Operation::kTimeout: operation->deadline = submission.args[0]; return;
    case Operation::kCancel: {
      const i64 result = cancel(ring, submission.args[0]);
      return complete(*operation, result);
    }
    case Operation::kEventWait: return with(k.get<Event>(submission.handle, Rights::kWait), [&](auto& e) { wait_for_event(e, operation); });
    case Operation::kInterruptWait:
      return with(k.get<InterruptObject>(submission.handle, Rights::kWait), [&](auto& e) { wait_for_event(e, operation); });
    case Operation::kChannelSend:
    case Operation::kChannelCall:
      return with(k.get<ChannelEnd>(submission.handle, Rights::kWrite), [&](auto& c) { channel_send(c, operation); });
    case Operation::kChannelReceive:
      return with(k.get<ChannelEnd>(submission.handle, Rights::kRead), [&](auto& c) { channel_receive(c, operation); });
    case Operation::kChannelReply:
      return with(k.get<ChannelEnd>(submission.handle, Rights::kWrite), [&](auto& c) { channel_reply(c, operation); });
    case Operation::kCopy: {
      const auto& a = submission.args;
      const auto copied = copy(static_cast<Handle>(a[0]), a[1], static_cast<Handle>(a[2]), a[3], a[4]);
      return complete(*operation, copied ? static_cast<i64>(*copied) : -static_cast<i64>(copied.error()));
    }
    case Operation::kPageIn:
      return with(k.get<MemoryObject>(submission.handle, submission.args[2] != 0 ? Rights::kWrite : Rights::kRead),
                  [&](auto& memory) { page_in(memory, operation); });
    case Operation::kPagerWait:
      return with(k.get<PagerObject>(submission.handle, Rights::kWait), [&](auto& pager) { pager_wait(pager, operation); });
    default:
      return complete(*operation, -static_cast<i64>(submission.operation < Operation::kCount ? Error::kNotSupported : Error::kUnknownCall));
  }
}

u64 earliest(const Ring& ring) {
  u64 result = kNever;
  for (const PendingPtr& pending : ring.pending)
    if (!pending->done) result = std::min(result, pending->deadline);
  return result;
}

}  // namespace

void complete(Pending& pending, i64 result, u64 value0, u64 value1) {
  if (pending.done) return;
  pending.done = true;
  Ring& ring = *pending.ring;
  const bool quiet = (pending.submission.flags & kSubmitQuiet) != 0 && result >= 0;
  if (!quiet) put(ring, {.user_data = pending.submission.user_data, .result = result, .value = {value0, value1}});
  const auto keep = std::move(pending.object);  // the object may hold the operation and the operation the object
  std::erase_if(ring.pending, [&](const PendingPtr& p) { return p.get() == &pending; });
  ring.changed.notify_all();
}

void expire(Ring& ring) {
  const u64 now = kernel().now();
  for (;;) {
    const auto due = std::ranges::find_if(ring.pending, [&](const PendingPtr& p) { return !p->done && p->deadline <= now; });
    if (due == ring.pending.end()) return;
    const PendingPtr keep = *due;
    complete(*keep, -static_cast<i64>(Error::kTimedOut));
  }
}

void event_signal(Event& event, u64 count) {
  event.count += count;
  while (event.count > 0 && !event.waiters.empty()) {
    const PendingPtr waiter = event.waiters.front();
    event.waiters.pop_front();
    if (waiter->done) continue;
    complete(*waiter, static_cast<i64>(std::exchange(event.count, 0)));
  }
}

void Ring::on_last_handle() {
  for (const PendingPtr& operation : std::exchange(pending, {})) {
    operation->done = true;
    operation->object.reset();
  }
}

i64 ring_enter(std::unique_lock<std::mutex>& lock, Ring& ring, u32 submit, u32 wait, u64 deadline) {
  RingHeader& header = *ring.header;
  u32 consumed = 0;
  drain_overflow(ring);
  for (; consumed < submit; ++consumed) {
    const u32 head = header.submit_head.load(std::memory_order_relaxed);
    if (head == header.submit_tail.load(std::memory_order_acquire)) break;
    const Submission submission = ring.submissions[head & (header.submit_entries - 1)];
    header.submit_head.store(head + 1, std::memory_order_release);
    start(ring, submission);
  }
  for (;;) {
    expire(ring);
    if (header.complete_tail.load(std::memory_order_relaxed) - header.complete_head.load(std::memory_order_acquire) >= wait)
      return consumed;
    const u64 now = kernel().now();
    if (deadline <= now) return -static_cast<i64>(Error::kTimedOut);
    const u64 until = std::min(deadline, earliest(ring));
    if (until == kNever) {
      ring.changed.wait(lock);
    } else {
      ring.changed.wait_for(lock, std::chrono::nanoseconds(until - std::min(until, now)));
    }
  }
}

}  // namespace hati::hosted
