// SPDX-License-Identifier: MIT
// A channel: two ends, each an object of its own, joined by a shared core with one lock. Per end there is a queue of messages to
// it, the receives posted at it, the sends that wait for room in its queue, and the calls that wait for its reply.
// An end closes with its last handle: what waits at either end for the other completes with kPeerClosed; queued messages can still be
// received by the other end.
#pragma once

#include <array>

#include "kernel/ipc/message.h"
#include "kernel/ipc/pending.h"

namespace hati {

class Channel;
class Process;
class Ring;
class Thread;

class ChannelCore final : public RefCounted<ChannelCore> {
 public:
  static constexpr u32 kCallBuckets = 16;

  // What concerns one end.
  struct Side {
    MessageQueue messages;  // to be received here
    TargetList receivers;   // kChannelReceive posted here. Empty if there are messages
    TargetList senders;     // sends and calls from the other end, with their messages, while the queue is full
    std::array<TargetList, kCallBuckets> calls;  // of the other end, waiting for a reply from here
    bool closed = false;
  };

  static void destroy(ChannelCore* core);

  // Brings messages and receives of a side together and lets waiting senders move up.
  void pump(u32 side) HATI_EXCLUDES(lock);

  // To compare with only; nullptr once the end is gone, since its memory may become another channel.
  std::array<std::atomic<const Object*>, 2> ends{};
  Spinlock lock;
  std::array<Side, 2> sides HATI_GUARDED_BY(lock);
  u64 next_transaction HATI_GUARDED_BY(lock) = 1;

 private:
  struct Match {
    MessagePointer message;
    PendingOperation* receiver = nullptr;
    bool fits = false;
    u64 bytes = 0, handles = 0;  // of the message, if it does not fit
  };
  Match match(u32 side) HATI_EXCLUDES(lock);
  void put_back(u32 side, MessagePointer message) HATI_EXCLUDES(lock);
  PendingOperation* move_up(u32 side) HATI_EXCLUDES(lock);
};

class Channel final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kChannel;

  struct Pair {
    Ref<Channel> first, second;
  };
  // Each end is charged to `quota` with its half of what joins them.
  static Result<Pair> create(const Ref<Quota>& quota);

  // The operations; arguments as in abi/ring.h. `call`: a reply is wanted.
  template <bool kCall>
  static Result<> start_transmit(Ring& ring, Thread& thread, const Submission& submission);
  Result<> transmit_inline_call(Ring& ring, Process& process, u64 user_data, const u64 (&payload)[2], u64 bytes);
  Result<> receive(PendingOperation& operation);
  // Call::kChannelReply. kNotFound: no such call waits here (any more); kTooBig: does not fit into the caller's buffers, whose call ends with
  // kTooBig, too.
  Result<> reply(Process& process, u64 transaction, u64 bytes_address, u64 bytes, u64 handles_address, u64 handles);
  // The same for few bytes without handles that are in the kernel already; kInlineBytesMax can be read there, or `bytes` if more.
  Result<> reply_directly(u64 transaction, const u8* payload, u64 bytes);

  Channel(Ref<ChannelCore> core, u32 side) : Object(kType), core_(std::move(core)), side_(side) { core_->ends[side_] = this; }
  ~Channel() override { core_->ends[side_] = nullptr; }

 private:
  using Side = ChannelCore::Side;

  void on_last_handle() override;
  void release_storage() override;
  Side& here() HATI_REQUIRES(core_->lock) { return core_->sides[side_]; }
  Side& there() HATI_REQUIRES(core_->lock) { return core_->sides[1 - side_]; }

  enum class Queued : u8 { kDone, kWaiting, kClosed };

  template <bool kCall, bool kInline>
  Result<bool> transmit_directly(Ring& ring, Process& process, const Submission* submission, u16 flags, u64 user_data, const u8* payload,
                                 u64 bytes);
  Result<> queue_inline_call(Ring& ring, Process& process, u64 user_data, const u64 (&payload)[2], u64 bytes);
  Result<> transmit(Ring& ring, Process& process, const Submission& submission, bool call);
  Result<> transmit(Ring& ring, Process& process, const Submission& submission, MessagePointer message, bool call);
  Result<> reply_small(Process& process, u64 transaction, u64 address, u64 bytes);
  Result<> retry(PendingOperation& receiver, std::span<const u8> bytes, u64 transaction);
  Result<> queue_again(Process& process, std::span<const u8> bytes, u64 transaction);
  Queued queue(MessagePointer& message, PendingOperation& operation, bool call) HATI_EXCLUDES(core_->lock);
  u64 register_call(PendingOperation& operation, Side& side) HATI_REQUIRES(core_->lock);
  u64 register_call_inline(PendingOperation& operation, Side& side) HATI_REQUIRES(core_->lock);
  bool has_call(u64 transaction) HATI_EXCLUDES(core_->lock);
  // A call of the other end that waits for the reply of this one, claimed and out of the list; or of this end.
  PendingOperation* take_call(u64 transaction) HATI_EXCLUDES(core_->lock);
  PendingOperation* take_call_inline(u64 transaction) HATI_EXCLUDES(core_->lock);
  PendingOperation* take_own_call(u64 transaction) HATI_EXCLUDES(core_->lock);
  PendingOperation* next_to_close() HATI_EXCLUDES(core_->lock);

  const Ref<ChannelCore> core_;
  const u32 side_;
};

}  // namespace hati
