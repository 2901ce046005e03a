// SPDX-License-Identifier: MIT
// An operation in flight. It is linked in up to three places, each with a lock of its own: its ring, its target (event, channel, futex
// bucket ...) and a timer queue. Whoever claims it first, under one of these locks, finishes it: takes it out of the other places (their
// locks one after another), completes it and lets it go. Nobody else touches it then.
// An operation is linked with its target's lock held: target first, then ring or timer queue, is the only nesting of these locks.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>
#include <memory>

#include "abi/ring.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/cpu/cpu.h"
#include "kernel/memory/page_waiter.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"
#include "kernel/thread/timer.h"

namespace hati {

class Message;
class Ring;

struct MessageDeleter {
  void operator()(Message* message) const;
};
using MessagePointer = std::unique_ptr<Message, MessageDeleter>;

struct RingTag;
struct TargetTag;
using AutoUnlink = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
using RingHook = boost::intrusive::list_base_hook<boost::intrusive::tag<RingTag>, AutoUnlink>;
using TargetHook = boost::intrusive::list_base_hook<boost::intrusive::tag<TargetTag>, AutoUnlink>;

class PendingOperation final : public RingHook, public TargetHook, public Timer, public PageWaiter {
 public:
  // Embedded in `keeper`: it only carries completions while a ring is full, and keeps its keeper alive then.
  explicit PendingOperation(Object* keeper) : keeper_(keeper) {}
  PendingOperation() = default;  // for the slab
  PendingOperation(const PendingOperation&) = delete;
  PendingOperation& operator=(const PendingOperation&) = delete;

  // From a slab, not linked anywhere. kNoMemory.
  static Result<PendingOperation*> make(Ring& ring, const Submission& submission);

  // The same, and finish(), where instructions are counted: in pending_inline.h.
  static Result<PendingOperation*> make_inline(Ring& ring, Operation operation, u16 flags, u64 user_data);
  void finish_inline(i64 result, u64 value0, u64 value1);

  // Links it in its ring and arms its timer. Call it with *target_lock held, `target_lock` and `target` set; the caller then links it in
  // the target (TargetHook) before it lets go of the lock. kTerminated: the ring is closed; the operation is gone.
  Result<> track(u64 deadline_ns = kNever);

  // True for exactly one caller; call it with the lock held under which the operation was found.
  bool claim() { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  bool claimed() const { return claimed_.load(std::memory_order_acquire); }

  // By who claimed it, without locks: unlinks it, posts the completion, wakes the ring's thread, lets the operation go.
  void finish(i64 result, u64 value0 = 0, u64 value1 = 0);
  void finish(Error error, u64 value0 = 0, u64 value1 = 0) { finish(-static_cast<i64>(error), value0, value1); }
  // For an operation that was never tracked: completes it.
  void finish_untracked(i64 result, u64 value0 = 0, u64 value1 = 0);
  // For one that was never tracked: no completion.
  void discard() { release(); }

  // kPageIn, which waits for pages or for memory: as track() with that lock and target; claim(); finish().
  bool begin_page_wait(Ref<Object> wanted, Spinlock& lock) override;
  bool claim_page_wait() override;
  void end_page_wait(Result<> result) override;

  Ring& ring() const { return *ring_; }
  u64 user_data() const { return completion_.user_data; }
  Operation operation() const { return operation_; }
  u16 flags() const { return flags_; }
  bool in_overflow() const { return in_overflow_.load(std::memory_order_acquire); }

  Ref<Object> target;              // kept alive while it is linked there
  Ref<Object> space;               // of the user addresses in `data`
  Spinlock* target_lock = nullptr;
  MessagePointer message;          // waits with its sender for room in the channel
  u64 data[7];                     // meaning is up to the operation, set by it

 private:
  friend class Ring;
  bool claim_expiry() override { return claim(); }
  void expired() override;
  void unlink();
  void release();  // storage; nothing if embedded
  void release_inline();
  static Result<PendingOperation*> construct();
  void destroy();
  static constexpr u32 kReadyMax = 16;  // per CPU

  std::atomic<bool> claimed_{false};
  std::atomic<bool> in_overflow_{false};
  Operation operation_ = Operation::kNop;
  u16 flags_ = 0;
  Ring* ring_ = nullptr;  // owns a reference; nullptr: embedded
  Object* keeper_ = nullptr;
  Completion completion_{};
  PendingOperation* next_overflow_ = nullptr;  // also the next ready one
};

using TargetList =
    boost::intrusive::list<PendingOperation, boost::intrusive::base_hook<TargetHook>, boost::intrusive::constant_time_size<false>>;
using RingList =
    boost::intrusive::list<PendingOperation, boost::intrusive::base_hook<RingHook>, boost::intrusive::constant_time_size<false>>;

// Takes operations off the front until one can be claimed; nullptr if the list is empty. The list's lock is held.
inline PendingOperation* claim_first(TargetList& list) {
  while (!list.empty()) {
    PendingOperation& first = list.front();
    list.pop_front();
    if (!first.claim()) continue;
    first.target_lock = nullptr;  // it is out of the list: finish() need not look
    return &first;
  }
  return nullptr;
}

}  // namespace hati
