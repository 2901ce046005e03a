// SPDX-License-Identifier: MIT
// The short way of a small message: from the sender through registers or the kernel's stack to a receive that waits already, and its
// reply back. It is measured in instructions, hence inlined.
#include "kernel/ipc/channel_detail.h"
#include "kernel/ipc/operations.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/small_copy.h"

namespace hati {

namespace {

[[gnu::always_inline]] inline Result<> copy_in_direct(Process& process, u64 address, u8* buffer, u64 bytes) {
  if (bytes == 0 || process.copy_in_small(address, buffer, bytes)) [[likely]]
    return {};
  return process.copy_in(address, buffer, bytes);
}
Result<> copy_out_direct(Process& process, u64 address, const u8* buffer, u64 bytes) {
  if (bytes == 0 || process.copy_out_small(address, buffer, bytes)) [[likely]]
    return {};
  return process.copy_out(address, buffer, bytes);
}

// Looks the channel up and remembers it in the thread. The answer stays right until a handle to a channel is closed in this process.
[[gnu::noinline]] Result<Channel*> find_channel(Thread& thread, Handle handle, Rights needed) {
  Thread::KnownChannel& known = thread.known_channel;
  HandleTable& handles = thread.process().handles();
  known.epoch = Thread::KnownRing::kNone;
  const u32 epoch = handles.known_epoch();  // read first: a close from here on is noticed the next time
  auto entry = TRY(handles.get_any(handle, Rights::kNone));
  if (entry.object->type() != ObjectType::kChannel) return fail(Error::kWrongType);
  if (!has(entry.rights, needed)) return fail(Error::kNoRight);
  known.handle = handle;
  known.rights = entry.rights;
  known.epoch = epoch;
  known.channel = Ref<Channel>::adopt(static_cast<Channel*>(entry.object.release()));
  return known.channel.get();
}

// Alive until this thread looks up another one.
[[gnu::always_inline]] inline Result<Channel*> known_channel(Thread& thread, Handle handle, Rights needed) {
  const Thread::KnownChannel& known = thread.known_channel;
  if (known.handle == handle && known.epoch == thread.process().handles().known_epoch() && has(known.rights, needed)) [[likely]]
    return known.channel.get();
  return find_channel(thread, handle, needed);
}

}  // namespace

// Tracks and links a call that waits for the reply of `side`. 0: its ring is closed, nobody will see a reply.
[[gnu::always_inline]] inline u64 Channel::register_call_inline(PendingOperation& operation, ChannelCore::Side& side) {
  const u64 transaction = core_->next_transaction++;
  operation.data[kTransaction] = transaction;
  operation.target = Ref<Object>(*this);
  operation.target_lock = &core_->lock;
  if (!operation.ring().track_inline(operation)) [[unlikely]] {
    operation.discard();
    return 0;
  }
  side.calls[transaction % ChannelCore::kCallBuckets].push_back(operation);
  return transaction;
}

u64 Channel::register_call(PendingOperation& operation, ChannelCore::Side& side) { return register_call_inline(operation, side); }

// For small messages to a receive that waits and has room. False: nothing has happened, the long way has to be taken.
// At `payload` kInlineBytesMax bytes can be read, or `bytes` if there are more. `submission` is null for calls in entries, which need no more of it.
template <bool kCall, bool kInline>
[[gnu::always_inline]] inline Result<bool> Channel::transmit_directly(Ring& ring, Process& process, const Submission* submission, u16 flags,
                                                                      u64 user_data, const u8* payload, u64 bytes) {
  PendingOperation* operation = nullptr;
  if constexpr (kCall) {
    operation = TRY(PendingOperation::make_inline(ring, Operation::kChannelCall, flags, user_data));
    if constexpr (!kInline) keep_arguments(*operation, process, *submission);
  }
  PendingOperation* receiver = nullptr;
  u64 transaction = 0;
  bool by_entry = false;
  {
    Guard guard(core_->lock);
    Side& side = there();
    if (!side.receivers.empty() && side.messages.empty() && !side.closed) [[likely]] {
      PendingOperation& first = side.receivers.front();
      by_entry = takes_inline(first, bytes, 0);
      if ((by_entry || receive_capacity(first) >= bytes) && first.claim()) {
        side.receivers.pop_front();
        first.target_lock = nullptr;
        receiver = &first;
      }
    }
    if constexpr (kCall)
      if (receiver != nullptr) transaction = register_call_inline(*operation, side);
  }
  // From here another CPU may reply to the call or cancel it.
  if (receiver == nullptr) [[unlikely]] {
    if (kCall) operation->discard();
    return false;
  }
  if (by_entry) {
    const InlineBytes words = inline_words(payload);
    receiver->finish_inline(inline_result(transaction, bytes), words.first, words.second);
  } else if (copy_out_direct(space_of(*receiver), receiver->data[0], payload, bytes)) [[likely]] {
    receiver->finish_inline(static_cast<i64>(bytes), transaction, 0);
  } else {
    TRY(retry(*receiver, {payload, bytes}, transaction));
  }
  if constexpr (!kCall) ring.complete_now(*submission, 0);
  return true;
}

[[gnu::always_inline]] inline Result<> Channel::transmit_inline_call(Ring& ring, Process& process, u64 user_data, const u64 (&payload)[2],
                                                                     u64 bytes) {
  const auto* from = reinterpret_cast<const u8*>(payload);
  if (TRY((transmit_directly<true, true>(ring, process, nullptr, kSubmitInline, user_data, from, bytes)))) [[likely]]
    return {};
  return queue_inline_call(ring, process, user_data, payload, bytes);
}

[[gnu::noinline]] Result<> Channel::queue_inline_call(Ring& ring, Process& process, u64 user_data, const u64 (&payload)[2], u64 bytes) {
  const Submission submission{.operation = Operation::kChannelCall,
                              .flags = kSubmitInline,
                              .handle = kNoHandle,
                              .user_data = user_data,
                              .args = {payload[0], payload[1], bytes}};
  return transmit(ring, process, submission, true);
}

template <bool kCall>
[[gnu::always_inline]] inline Result<> Channel::start_transmit(Ring& ring, Thread& thread, const Submission& submission) {
  Process& process = thread.process();
  Channel& channel = *TRY(known_channel(thread, submission.handle, Rights::kWrite));
  const auto& args = submission.args;
  bool done = false;
  if (is_inline(submission)) {
    if (args[2] > kInlineBytesMax) [[unlikely]]
      return fail(Error::kTooBig);
    const auto* payload = reinterpret_cast<const u8*>(&args[0]);
    done =
        TRY((channel.transmit_directly<kCall, true>(ring, process, &submission, submission.flags, submission.user_data, payload, args[2])));
  } else if (args[1] <= kDirectBytes && args[3] == 0) {
    alignas(16) u8 buffer[kDirectBytes];
    std::memset(buffer, 0, kInlineBytesMax);
    TRY(copy_in_direct(process, args[0], buffer, args[1]));
    done =
        TRY((channel.transmit_directly<kCall, false>(ring, process, &submission, submission.flags, submission.user_data, buffer, args[1])));
  }
  return done ? Result<>{} : channel.transmit(ring, process, submission, kCall);
}

Result<> start_channel_send(Ring& ring, Thread& thread, const Submission& submission) {
  return Channel::start_transmit<false>(ring, thread, submission);
}

Result<> start_channel_call(Ring& ring, Thread& thread, const Submission& submission) {
  return Channel::start_transmit<true>(ring, thread, submission);
}

Result<> start_inline_call(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments) {
  Channel& channel = *TRY(known_channel(thread, handle, Rights::kWrite));
  const u64 payload[2] = {arguments[0], arguments[1]}, bytes = arguments[2];
  if (bytes > kInlineBytesMax) [[unlikely]]
    return fail(Error::kTooBig);
  return channel.transmit_inline_call(ring, thread.process(), user_data, payload, bytes);
}

// With the operation made.
[[gnu::always_inline]] inline Result<> Channel::receive(PendingOperation& operation) {
  bool closed = false;
  {
    Guard guard(core_->lock);
    Side& side = here();
    const bool queued = !side.messages.empty();
    closed = there().closed && !queued;
    if (!closed) [[likely]] {
      operation.target = Ref<Object>(*this);
      operation.target_lock = &core_->lock;
      if (!operation.ring().track_inline(operation)) [[unlikely]] {
        operation.discard();
        return fail(Error::kTerminated);
      }
      side.receivers.push_back(operation);
      if (!queued) [[likely]]
        return {};
    }
  }
  if (closed) {
    operation.discard();
    return fail(Error::kPeerClosed);
  }
  core_->pump(side_);  // the thread's known_channel keeps this object
  return {};
}

Result<> start_channel_receive(Ring& ring, Thread& thread, const Submission& submission) {
  Channel& channel = *TRY(known_channel(thread, submission.handle, Rights::kRead));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  keep_arguments(*operation, thread.process(), submission);
  return channel.receive(*operation);
}

Result<> start_inline_receive(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments) {
  Channel& channel = *TRY(known_channel(thread, handle, Rights::kRead));
  PendingOperation* operation = TRY(PendingOperation::make_inline(ring, Operation::kChannelReceive, kSubmitInline, user_data));
  operation->data[0] = arguments[0];
  operation->data[1] = arguments[1];
  operation->data[2] = arguments[2];
  operation->data[3] = arguments[3];
  // Without buffers nothing is ever written there.
  if ((operation->data[1] | operation->data[3]) != 0) operation->space = Ref<Object>(thread.process());
  return channel.receive(*operation);
}

[[gnu::always_inline]] inline PendingOperation* Channel::take_call_inline(u64 transaction) {
  Guard guard(core_->lock);
  TargetList& bucket = here().calls[transaction % ChannelCore::kCallBuckets];
  for (PendingOperation& operation : bucket) {
    if (operation.data[kTransaction] != transaction || !operation.claim()) [[unlikely]]
      continue;
    bucket.erase(bucket.iterator_to(operation));
    operation.target_lock = nullptr;
    return &operation;
  }
  return nullptr;
}

PendingOperation* Channel::take_call(u64 transaction) { return take_call_inline(transaction); }

[[gnu::always_inline]] inline Result<> Channel::reply_directly(u64 transaction, const u8* payload, u64 bytes) {
  PendingOperation* operation = take_call_inline(transaction);
  if (operation == nullptr) [[unlikely]]
    return fail(Error::kNotFound);
  if (is_inline(*operation) && bytes <= kInlineBytesMax) {
    const InlineBytes words = inline_words(payload);
    operation->finish_inline(static_cast<i64>(bytes), words.first, words.second);
    return {};
  }
  if (bytes > reply_capacity(*operation)) [[unlikely]] {
    operation->finish(Error::kTooBig, bytes, 0);
    return fail(Error::kTooBig);
  }
  // A bad reply buffer is the caller's fault and the caller's to hear of.
  if (const auto delivered = copy_out_direct(space_of(*operation), operation->data[4], payload, bytes)) [[likely]] {
    operation->finish_inline(static_cast<i64>(bytes), 0, 0);
  } else {
    operation->finish(delivered.error());
  }
  return {};
}

Result<> Channel::reply_small(Process& process, u64 transaction, u64 address, u64 bytes) {
  alignas(16) u8 buffer[kDirectBytes];
  std::memset(buffer, 0, kInlineBytesMax);
  TRY(copy_in_direct(process, address, buffer, bytes));
  return reply_directly(transaction, buffer, bytes);
}

Result<> start_inline_reply_receive(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments) {
  Channel& channel = *TRY(known_channel(thread, handle, Rights::kRead | Rights::kWrite));
  const u64 payload[2] = {arguments[0], arguments[1]}, bytes = arguments[2];
  if (bytes > kInlineBytesMax) [[unlikely]]
    return fail(Error::kTooBig);
  const Result<> replied = channel.reply_directly(arguments[4], reinterpret_cast<const u8*>(payload), bytes);
  if (!replied && replied.error() != Error::kNotFound) [[unlikely]]
    return replied;
  PendingOperation* operation = TRY(PendingOperation::make_inline(ring, Operation::kChannelReceive, kSubmitInline, user_data));
  operation->data[1] = operation->data[3] = 0;
  return channel.receive(*operation);
}

Result<> start_inline_reply(Ring&, Thread& thread, Handle handle, u64, const volatile u64* arguments) {
  Channel& channel = *TRY(known_channel(thread, handle, Rights::kWrite));
  const u64 payload[2] = {arguments[0], arguments[1]}, bytes = arguments[2];
  if (bytes > kInlineBytesMax) [[unlikely]]
    return fail(Error::kTooBig);
  return channel.reply_directly(arguments[4], reinterpret_cast<const u8*>(payload), bytes);
}

Result<> start_channel_reply(Ring& ring, Thread& thread, const Submission& submission) {
  const auto& args = submission.args;
  Process& process = thread.process();
  Channel& channel = *TRY(known_channel(thread, submission.handle, Rights::kWrite));
  if (is_inline(submission)) {
    if (args[2] > kInlineBytesMax) [[unlikely]]
      return fail(Error::kTooBig);
    TRY(channel.reply_directly(args[4], reinterpret_cast<const u8*>(&args[0]), args[2]));
  } else {
    if (args[1] > kMessageBytesMax || args[3] > kMessageHandlesMax) return fail(Error::kTooBig);
    TRY(channel.reply(process, args[4], args[0], args[1], args[2], args[3]));
  }
  if ((submission.flags & kSubmitQuiet) == 0) ring.complete_now(submission, 0);
  return {};
}

}  // namespace hati
