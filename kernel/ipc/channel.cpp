// SPDX-License-Identifier: MIT
// Channels: queues, closing, messages with handles or of size. The short way of small ones is in channel_direct.cpp.
#include "kernel/ipc/channel.h"

#include "kernel/ipc/channel_detail.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/object_cache.h"

namespace hati {

namespace {
constinit ObjectCache<Channel> channel_cache;
constinit ObjectCache<ChannelCore> core_cache;
}  // namespace

// Nobody else has it.
void ChannelCore::destroy(ChannelCore* core) HATI_NO_THREAD_SAFETY_ANALYSIS {
  for (Side& side : core->sides) side.messages.clear_and_dispose([](Message* message) { MessagePointer{message}.reset(); });
  core_cache.destroy(core);
}

// The next message and receive of a side that meet.
ChannelCore::Match ChannelCore::match(u32 side_index) {
  Match result;
  Guard guard(lock);
  Side& side = sides[side_index];
  if (side.messages.empty()) return result;
  result.receiver = claim_first(side.receivers);
  if (result.receiver == nullptr) return result;
  Message& message = side.messages.front();
  result.bytes = message.bytes();
  result.handles = message.handles();
  result.fits = takes_inline(*result.receiver, result.bytes, result.handles) ||
                (result.bytes <= receive_capacity(*result.receiver) && result.handles <= receive_handles(*result.receiver));
  if (!result.fits) return result;
  side.messages.pop_front();
  result.message.reset(&message);
  return result;
}

void ChannelCore::put_back(u32 side, MessagePointer message) {
  Guard guard(lock);
  if (!sides[side].closed) sides[side].messages.push_front(*message.release());
}

// Room in the queue: the oldest waiting sender's message enters it. Gives a send that is complete thereby; calls go on to wait.
PendingOperation* ChannelCore::move_up(u32 side_index) {
  Guard guard(lock);
  Side& side = sides[side_index];
  while (side.messages.size() < kChannelQueueMax && !side.senders.empty()) {
    PendingOperation& sender = side.senders.front();
    side.senders.pop_front();
    const bool call = sender.operation() == Operation::kChannelCall;
    if (call ? sender.claimed() : !sender.claim()) continue;  // cancelled: whoever did it waits for this lock
    Message& message = *sender.message.release();
    side.messages.push_back(message);
    if (!call) return &sender;
    message.transaction = next_transaction++;
    sender.data[kTransaction] = message.transaction;
    side.calls[message.transaction % kCallBuckets].push_back(sender);
  }
  return nullptr;
}

void ChannelCore::pump(u32 side) {
  for (;;) {
    Match pair = match(side);
    if (pair.receiver == nullptr) break;
    if (!pair.fits) {
      pair.receiver->finish(Error::kTooBig, pair.bytes, pair.handles);
      continue;
    }
    if (takes_inline(*pair.receiver, pair.bytes, pair.handles)) {
      alignas(16) u8 bytes[kInlineBytesMax] = {};
      pair.message->copy_bytes(bytes);
      const InlineBytes words = inline_words(bytes);
      pair.receiver->finish(inline_result(pair.message->transaction, pair.bytes), words.first, words.second);
      while (PendingOperation* sender = move_up(side)) sender->finish(0);
      continue;
    }
    const auto& data = pair.receiver->data;
    const u64 handles = pair.message->handles();
    if (const auto delivered = pair.message->deliver(space_of(*pair.receiver), data[0], data[2]); !delivered) {
      put_back(side, std::move(pair.message));
      pair.receiver->finish(delivered.error());
      continue;
    }
    pair.receiver->finish(pair.message->bytes(), pair.message->transaction, handles);
    while (PendingOperation* sender = move_up(side)) sender->finish(0);
  }
}

Result<Channel::Pair> Channel::create(const Ref<Quota>& quota) {
  constexpr u64 kEndBytes = sizeof(Channel) + sizeof(ChannelCore);  // the core lives as long as either end
  Charge first_charge = TRY(Charge::make(quota, kEndBytes, 1));
  Charge second_charge = TRY(Charge::make(quota, kEndBytes, 1));
  Ref<ChannelCore> core = TRY(core_cache.make());
  Ref<Channel> first = TRY(channel_cache.make(core, 0u));
  Ref<Channel> second = TRY(channel_cache.make(core, 1u));
  first->charge_to(std::move(first_charge));
  second->charge_to(std::move(second_charge));
  return Pair{std::move(first), std::move(second)};
}

void Channel::release_storage() { channel_cache.destroy(this); }

// The receiver's buffer turned out to be bad.
Result<> Channel::retry(PendingOperation& receiver, std::span<const u8> bytes, u64 transaction) {
  const Ref<Channel> self(*this);
  const auto delivered = space_of(receiver).copy_out(receiver.data[0], bytes.data(), bytes.size());
  if (delivered) {
    receiver.finish(static_cast<i64>(bytes.size()), transaction, 0);
    return {};
  }
  receiver.finish(delivered.error());
  return queue_again(space_of(receiver), bytes, transaction);
}

// A message whose receiver's buffer turned out to be bad: it waits for the next one.
Result<> Channel::queue_again(Process& process, std::span<const u8> bytes, u64 transaction) {
  auto message = Message::make(process, bytes);
  if (!message) {
    if (transaction == 0) return fail(message.error());
    if (PendingOperation* operation = take_own_call(transaction)) operation->finish(message.error());
    return {};
  }
  (*message)->transaction = transaction;
  {
    Guard guard(core_->lock);
    if (!there().closed) there().messages.push_front(*message->release());
  }
  core_->pump(1 - side_);
  return {};
}

Result<> Channel::transmit(Ring& ring, Process& process, const Submission& submission, bool call) {
  const auto& args = submission.args;
  if (is_inline(submission)) {
    const std::span bytes(reinterpret_cast<const u8*>(&args[0]), args[2]);
    return transmit(ring, process, submission, TRY(Message::make(process, bytes)), call);
  }
  if (args[1] > kMessageBytesMax || args[3] > kMessageHandlesMax) return fail(Error::kTooBig);
  return transmit(ring, process, submission,
                  TRY(Message::make(process, args[0], args[1], args[2], args[3], core_->ends[0], core_->ends[1])), call);
}

Result<> Channel::transmit(Ring& ring, Process& process, const Submission& submission, MessagePointer message, bool call) {
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  keep_arguments(*operation, process, submission);
  const Queued queued = queue(message, *operation, call);
  if (queued == Queued::kClosed) {
    operation->discard();
    return fail(Error::kPeerClosed);
  }
  if (queued == Queued::kDone) operation->finish_untracked(0);
  core_->pump(1 - side_);
  return {};
}

Channel::Queued Channel::queue(MessagePointer& message, PendingOperation& operation, bool call) {
  Guard guard(core_->lock);
  Side& side = there();
  if (side.closed) return Queued::kClosed;
  if (side.messages.size() >= kChannelQueueMax) {
    operation.target = Ref<Object>(*this);
    operation.target_lock = &core_->lock;
    operation.message = std::move(message);
    if (operation.track()) side.senders.push_back(operation);
    return Queued::kWaiting;
  }
  if (call) {
    message->transaction = register_call(operation, side);
    if (message->transaction == 0) return Queued::kWaiting;  // the ring is closed
  }
  side.messages.push_back(*message.release());
  return call ? Queued::kWaiting : Queued::kDone;
}

bool Channel::has_call(u64 transaction) {
  Guard guard(core_->lock);
  for (const PendingOperation& operation : here().calls[transaction % ChannelCore::kCallBuckets])
    if (operation.data[kTransaction] == transaction) return true;
  return false;
}

PendingOperation* Channel::take_own_call(u64 transaction) {
  Guard guard(core_->lock);
  for (PendingOperation& operation : there().calls[transaction % ChannelCore::kCallBuckets]) {
    if (operation.data[kTransaction] != transaction || !operation.claim()) continue;
    operation.TargetHook::unlink();
    operation.target_lock = nullptr;
    return &operation;
  }
  return nullptr;
}

Result<> Channel::reply(Process& process, u64 transaction, u64 bytes_address, u64 bytes, u64 handles_address, u64 handles) {
  if (bytes <= kDirectBytes && handles == 0) return reply_small(process, transaction, bytes_address, bytes);
  if (!has_call(transaction)) return fail(Error::kNotFound);  // before the handles move
  MessagePointer message = TRY(Message::make(process, bytes_address, bytes, handles_address, handles, core_->ends[0], core_->ends[1]));
  PendingOperation* operation = take_call(transaction);
  if (operation == nullptr) return fail(Error::kNotFound);
  if (bytes > reply_capacity(*operation) || handles > reply_handles(*operation)) {
    operation->finish(Error::kTooBig, bytes, handles);
    return fail(Error::kTooBig);
  }
  // A bad reply buffer is the caller's fault and the caller's to hear of.
  if (const auto delivered = message->deliver(space_of(*operation), operation->data[4], operation->data[2])) {
    operation->finish(static_cast<i64>(bytes), 0, handles);
  } else {
    operation->finish(delivered.error());
  }
  return {};
}

// One operation that the end of this end concerns, claimed.
PendingOperation* Channel::next_to_close() {
  Guard guard(core_->lock);
  here().closed = true;
  for (Side* side : {&here(), &there()}) {
    if (PendingOperation* operation = claim_first(side->receivers)) return operation;
    if (PendingOperation* operation = claim_first(side->senders)) return operation;
    for (TargetList& bucket : side->calls)
      if (PendingOperation* operation = claim_first(bucket)) return operation;
  }
  return nullptr;
}

void Channel::on_last_handle() {
  while (PendingOperation* operation = next_to_close()) operation->finish(Error::kPeerClosed);
  for (;;) {
    MessagePointer message;  // dropped without the lock: its handles may close anything
    Guard guard(core_->lock);
    if (here().messages.empty()) return;
    message.reset(&here().messages.front());
    here().messages.pop_front();
  }
}

}  // namespace hati
