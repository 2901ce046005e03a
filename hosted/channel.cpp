// SPDX-License-Identifier: MIT
// Channels of the in-process kernel: bounded queues of messages with handles; calls carry a transaction number for the reply.
#include <array>
#include <cstring>
#include <span>

#include "hosted/kernel.h"

namespace hati::hosted {

namespace {

i64 failure(Error error) { return -static_cast<i64>(error); }

bool is_inline(const Pending& operation) { return (operation.submission.flags & kSubmitInline) != 0; }

// What a sender's submission carries.
std::span<const std::byte> bytes_of(const Pending& operation) {
  const auto& args = operation.submission.args;
  return is_inline(operation) ? std::as_bytes(std::span(args)).first(args[2])
                              : std::span(reinterpret_cast<const std::byte*>(args[0]), args[1]);
}
std::array<u64, 2> inline_words(std::span<const std::byte> bytes) {
  std::array<u64, 2> words{};
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

// Writes a message into buffers; its handles enter the table. The caller has checked the sizes.
void deliver(Message& message, u64 bytes_to, u64 handles_to) {
  if (!message.bytes.empty()) std::memcpy(reinterpret_cast<void*>(bytes_to), message.bytes.data(), message.bytes.size());
  auto* handles = reinterpret_cast<Handle*>(handles_to);
  for (usize i = 0; i < message.handles.size(); ++i) handles[i] = kernel().insert(std::move(message.handles[i]));
}

void deliver_queued(ChannelEnd& end) {
  while (!end.queue.empty() && !end.receivers.empty()) {
    const PendingPtr receiver = end.receivers.front();
    if (receiver->done) {
      end.receivers.pop_front();
      continue;
    }
    end.receivers.pop_front();
    Message& message = end.queue.front();
    const auto& args = receiver->submission.args;
    if (is_inline(*receiver) && message.bytes.size() <= kInlineBytesMax && message.handles.empty()) {
      const auto words = inline_words(message.bytes);
      const i64 result = inline_result(message.transaction, message.bytes.size());
      end.queue.pop_front();
      complete(*receiver, result, words[0], words[1]);
      continue;
    }
    if (message.bytes.size() > args[1] || message.handles.size() > args[3]) {
      complete(*receiver, failure(Error::kTooBig), message.bytes.size(), message.handles.size());
      continue;
    }
    deliver(message, args[0], args[2]);
    const i64 bytes = static_cast<i64>(message.bytes.size());
    const u64 transaction = message.transaction, handles = message.handles.size();
    end.queue.pop_front();
    complete(*receiver, bytes, transaction, handles);
  }
}

// Moves waiting senders' messages into the peer's queue while there is room.
void admit(ChannelEnd& end) {
  const auto peer = end.peer.lock();
  while (!end.senders.empty()) {
    const PendingPtr sender = end.senders.front();
    if (!sender->done && !end.peer_closed && peer->queue.size() >= kChannelQueueMax) return;
    end.senders.pop_front();
    if (sender->done) continue;
    if (end.peer_closed) {
      complete(*sender, failure(Error::kPeerClosed));
      continue;
    }
    const auto& args = sender->submission.args;
    Message message;
    const auto bytes = bytes_of(*sender);
    message.bytes.assign(bytes.begin(), bytes.end());
    auto handles = take_handles(reinterpret_cast<const Handle*>(args[2]), is_inline(*sender) ? 0 : args[3]);
    if (!handles) {
      complete(*sender, failure(handles.error()));
      continue;
    }
    message.handles = std::move(*handles);
    if (sender->submission.operation == Operation::kChannelCall) {
      message.transaction = end.next_transaction++;
      end.calls[message.transaction] = sender;
    }
    peer->queue.push_back(std::move(message));
    if (sender->submission.operation == Operation::kChannelSend) complete(*sender, 0);
  }
}

void settle(ChannelEnd& receiving) {
  for (;;) {
    const usize before = receiving.queue.size();
    deliver_queued(receiving);
    const auto sending = receiving.peer.lock();
    if (sending) admit(*sending);
    if (receiving.queue.empty() || receiving.queue.size() == before) break;
  }
  deliver_queued(receiving);
  if (receiving.peer_closed && receiving.queue.empty())
    for (const PendingPtr& receiver : std::exchange(receiving.receivers, {})) complete(*receiver, failure(Error::kPeerClosed));
}

}  // namespace

Result<std::vector<Entry>> take_handles(const Handle* handles, u64 count) {
  if (count > kMessageHandlesMax) return fail(Error::kTooBig);
  std::vector<Entry> result;
  Kernel& k = kernel();
  for (u64 i = 0; i < count; ++i) {
    const auto found = k.table.find(handles[i]);
    if (found == k.table.end()) return fail(Error::kBadHandle);
    if (!has(found->second.rights, Rights::kTransfer)) return fail(Error::kNoRight);
  }
  for (u64 i = 0; i < count; ++i) {
    auto node = k.table.extract(handles[i]);
    if (node.empty()) return fail(Error::kBadHandle);  // named twice
    --node.mapped().object->handles;
    result.push_back(std::move(node.mapped()));
  }
  return result;
}

void channel_send(const std::shared_ptr<ChannelEnd>& end, const PendingPtr& operation) {
  const auto& args = operation->submission.args;
  if (is_inline(*operation) ? args[2] > kInlineBytesMax : args[1] > kMessageBytesMax) return complete(*operation, failure(Error::kTooBig));
  if (end->peer_closed) return complete(*operation, failure(Error::kPeerClosed));
  end->senders.push_back(operation);
  const auto peer = end->peer.lock();
  admit(*end);
  settle(*peer);
}

void channel_receive(const std::shared_ptr<ChannelEnd>& end, const PendingPtr& operation) {
  end->receivers.push_back(operation);
  settle(*end);
}

i64 channel_reply(ChannelEnd& end, u64 transaction, const std::byte* bytes, u64 count, const Handle* handles, u64 handle_count) {
  const auto peer = end.peer.lock();
  if (!peer || end.peer_closed) return failure(Error::kPeerClosed);
  const auto found = peer->calls.find(transaction);
  if (found == peer->calls.end() || found->second->done) {
    if (found != peer->calls.end()) peer->calls.erase(found);
    return failure(Error::kNotFound);
  }
  const auto& args = found->second->submission.args;
  const bool by_entry = is_inline(*found->second);
  const u64 capacity = by_entry ? kInlineBytesMax : args[5] & 0xffff'ffff;
  if (count > capacity || handle_count > (by_entry ? 0 : args[5] >> 32)) {
    const PendingPtr caller = found->second;
    peer->calls.erase(found);
    complete(*caller, failure(Error::kTooBig));
    return failure(Error::kTooBig);
  }
  auto taken = take_handles(handles, handle_count);
  if (!taken) return failure(taken.error());
  const PendingPtr caller = found->second;
  peer->calls.erase(found);
  if (by_entry) {
    const auto words = inline_words({bytes, count});
    complete(*caller, static_cast<i64>(count), words[0], words[1]);
    return 0;
  }
  Message message{.bytes = {bytes, bytes + count}, .handles = std::move(*taken)};
  deliver(message, args[4], args[2]);
  complete(*caller, static_cast<i64>(count), 0, handle_count);
  return 0;
}

void channel_reply(const std::shared_ptr<ChannelEnd>& end, const PendingPtr& operation) {
  Submission& submission = operation->submission;
  const auto& args = submission.args;
  const bool by_entry = is_inline(*operation);
  i64 result = failure(Error::kTooBig);
  if (by_entry ? args[2] <= kInlineBytesMax : args[1] <= kMessageBytesMax) {
    const auto bytes = bytes_of(*operation);
    result = channel_reply(*end, args[4], bytes.data(), bytes.size(), reinterpret_cast<const Handle*>(args[2]), by_entry ? 0 : args[3]);
  }
  if ((result != 0 && result != failure(Error::kNotFound)) || (submission.flags & kSubmitReceive) == 0) return complete(*operation, result);
  submission.operation = Operation::kChannelReceive;
  submission.flags = kSubmitInline;
  for (u64& word : submission.args) word = 0;
  channel_receive(end, operation);
}

void ChannelEnd::on_last_handle() {
  const auto other = peer.lock();
  for (const PendingPtr& p : std::exchange(receivers, {})) complete(*p, failure(Error::kCancelled));
  for (const PendingPtr& p : std::exchange(senders, {})) complete(*p, failure(Error::kCancelled));
  for (const auto& [transaction, p] : std::exchange(calls, {})) complete(*p, failure(Error::kCancelled));
  queue.clear();
  if (!other) return;
  other->peer_closed = true;
  for (const PendingPtr& p : std::exchange(other->senders, {})) complete(*p, failure(Error::kPeerClosed));
  for (const auto& [transaction, p] : std::exchange(other->calls, {})) complete(*p, failure(Error::kPeerClosed));
  settle(*other);
}

}  // namespace hati::hosted
