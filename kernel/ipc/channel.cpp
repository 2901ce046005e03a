// SPDX-License-Identifier: MIT
// What an operation keeps in data[]: a receive and a call their arguments (buffers), a call also its transaction in data[6].
#include "kernel/ipc/channel.h"

#include "kernel/ipc/operations.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"

namespace hati {

namespace {

constinit ObjectCache<Channel> channel_cache;
constinit ObjectCache<ChannelCore> core_cache;

// Messages up to this size and without handles pass through the kernel's stack to a receive that waits already.
constexpr u64 kDirectBytes = 256;

constexpr u32 kTransaction = 6;
u64 receive_capacity(const PendingOperation& operation) { return operation.data[1]; }
u64 receive_handles(const PendingOperation& operation) { return operation.data[3]; }
u64 reply_capacity(const PendingOperation& operation) { return operation.data[5] & ~u32{0}; }
u64 reply_handles(const PendingOperation& operation) { return operation.data[5] >> 32; }

Process& space_of(const PendingOperation& operation) { return static_cast<Process&>(*operation.space); }

void keep_arguments(PendingOperation& operation, Process& process, const Submission& submission) {
  for (u32 i = 0; i < 6; ++i) operation.data[i] = submission.args[i];
  operation.space = Ref<Object>(process);
}

}  // namespace

// Nobody else has it.
void ChannelCore::destroy(ChannelCore* core) HATI_NO_THREAD_SAFETY_ANALYSIS {
  for (Side& side : core->sides)
    side.messages.clear_and_dispose([](Message* message) { MessagePointer{message}.reset(); });
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
  result.fits = result.bytes <= receive_capacity(*result.receiver) && result.handles <= receive_handles(*result.receiver);
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

// For small messages to a receive that waits and has room. False: nothing has happened, the long way has to be taken.
Result<bool> Channel::transmit_directly(Ring& ring, Process& process, const Submission& submission, bool call) {
  const u64 bytes = submission.args[1];
  u8 buffer[kDirectBytes];
  if (bytes != 0) TRY(process.copy_in(submission.args[0], buffer, bytes));
  PendingOperation* operation = call ? TRY(PendingOperation::make(ring, submission)) : nullptr;
  if (operation != nullptr) keep_arguments(*operation, process, submission);
  PendingOperation* receiver = nullptr;
  u64 transaction = 0;
  {
    Guard guard(core_->lock);
    Side& side = there();
    if (!side.receivers.empty() && side.messages.empty() && !side.closed) {
      PendingOperation& first = side.receivers.front();
      if (receive_capacity(first) >= bytes && first.claim()) {
        side.receivers.pop_front();
        first.target_lock = nullptr;
        receiver = &first;
      }
    }
    if (receiver != nullptr && operation != nullptr) transaction = register_call(*operation, side);
  }
  // From here another CPU may reply to the call or cancel it.
  if (receiver == nullptr) {
    if (operation != nullptr) operation->discard();
    return false;
  }
  const auto delivered = bytes == 0 ? Result<>{} : space_of(*receiver).copy_out(receiver->data[0], buffer, bytes);
  if (delivered) [[likely]] {
    receiver->finish(static_cast<i64>(bytes), transaction, 0);
  } else {
    receiver->finish(delivered.error());
    TRY(queue_again(process, {buffer, bytes}, transaction));
  }
  if (!call) ring.complete_now(submission, 0);
  return true;
}

// A message whose receiver's buffer turned out to be bad: it waits for the next one.
Result<> Channel::queue_again(Process& process, std::span<const u8> bytes, u64 transaction) {
  auto message = Message::make(process, bytes);
  if (!message) {
    if (transaction == 0) return fail(message.error());
    if (PendingOperation* operation = take_call(transaction, 1 - side_)) operation->finish(message.error());
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

// Tracks and links a call that waits for the reply of `side`. 0: its ring is closed, nobody will see a reply.
u64 Channel::register_call(PendingOperation& operation, ChannelCore::Side& side) {
  const u64 transaction = core_->next_transaction++;
  operation.data[kTransaction] = transaction;
  operation.target = Ref<Object>(*this);
  operation.target_lock = &core_->lock;
  if (!operation.track()) return 0;
  side.calls[transaction % ChannelCore::kCallBuckets].push_back(operation);
  return transaction;
}

Result<> Channel::transmit(Ring& ring, Process& process, const Submission& submission, bool call) {
  const auto& args = submission.args;
  if (args[1] > kMessageBytesMax || args[3] > kMessageHandlesMax) return fail(Error::kTooBig);
  if (args[1] <= kDirectBytes && args[3] == 0 && TRY(transmit_directly(ring, process, submission, call))) return {};
  MessagePointer message =
      TRY(Message::make(process, args[0], args[1], args[2], args[3], core_->ends[0], core_->ends[1]));
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

Result<> Channel::receive(Ring& ring, Process& process, const Submission& submission) {
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  keep_arguments(*operation, process, submission);
  bool closed = false;
  {
    Guard guard(core_->lock);
    closed = there().closed && here().messages.empty();
    if (!closed) {
      operation->target = Ref<Object>(*this);
      operation->target_lock = &core_->lock;
      TRY(operation->track());
      here().receivers.push_back(*operation);
      if (here().messages.empty()) return {};
    }
  }
  if (closed) {
    operation->discard();
    return fail(Error::kPeerClosed);
  }
  core_->pump(side_);
  return {};
}

bool Channel::has_call(u64 transaction) {
  Guard guard(core_->lock);
  for (const PendingOperation& operation : here().calls[transaction % ChannelCore::kCallBuckets])
    if (operation.data[kTransaction] == transaction) return true;
  return false;
}

PendingOperation* Channel::take_call(u64 transaction, u32 side) {
  Guard guard(core_->lock);
  TargetList& bucket = core_->sides[side].calls[transaction % ChannelCore::kCallBuckets];
  for (PendingOperation& operation : bucket) {
    if (operation.data[kTransaction] != transaction || !operation.claim()) continue;
    bucket.erase(bucket.iterator_to(operation));
    operation.target_lock = nullptr;
    return &operation;
  }
  return nullptr;
}

Result<> Channel::reply(Process& process, u64 transaction, u64 bytes_address, u64 bytes, u64 handles_address, u64 handles) {
  u8 buffer[kDirectBytes];
  MessagePointer message;
  const bool direct = bytes <= kDirectBytes && handles == 0;
  if (direct) {
    if (bytes != 0) TRY(process.copy_in(bytes_address, buffer, bytes));
  } else {
    if (!has_call(transaction)) return fail(Error::kNotFound);  // before the handles move
    message = TRY(Message::make(process, bytes_address, bytes, handles_address, handles, core_->ends[0], core_->ends[1]));
  }
  PendingOperation* operation = take_call(transaction, side_);
  if (operation == nullptr) return fail(Error::kNotFound);
  if (bytes > reply_capacity(*operation) || handles > reply_handles(*operation)) {
    operation->finish(Error::kTooBig, bytes, handles);
    return fail(Error::kTooBig);
  }
  Process& caller = space_of(*operation);
  Result<> delivered{};
  if (direct) {
    if (bytes != 0) delivered = caller.copy_out(operation->data[4], buffer, bytes);
  } else {
    delivered = message->deliver(caller, operation->data[4], operation->data[2]);
  }
  // A bad reply buffer is the caller's fault and the caller's to hear of.
  if (delivered) {
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

Result<> start_channel_send(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Channel> channel = TRY(thread.process().handles().get<Channel>(submission.handle, Rights::kWrite));
  return channel->transmit(ring, thread.process(), submission, false);
}

Result<> start_channel_call(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Channel> channel = TRY(thread.process().handles().get<Channel>(submission.handle, Rights::kWrite));
  return channel->transmit(ring, thread.process(), submission, true);
}

Result<> start_channel_receive(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Channel> channel = TRY(thread.process().handles().get<Channel>(submission.handle, Rights::kRead));
  return channel->receive(ring, thread.process(), submission);
}

}  // namespace hati
