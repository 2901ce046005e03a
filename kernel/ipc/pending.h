// SPDX-License-Identifier: MIT
// An operation in flight. It is linked in up to three places, each with a lock of its own: its ring, its target (event,
// channel, futex bucket ...) and a timer queue. Whoever claims it first, under one of these locks, finishes it: takes it out
// of the other places (their locks one after another, never nested), completes it and lets it go. Nobody else touches it then.
#pragma once

#include <atomic>
#include <boost/intrusive/list.hpp>

#include "abi/ring.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"
#include "kernel/thread/timer.h"

namespace hati {

class Ring;

struct RingTag;
struct TargetTag;
using AutoUnlink = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
using RingHook = boost::intrusive::list_base_hook<boost::intrusive::tag<RingTag>, AutoUnlink>;
using TargetHook = boost::intrusive::list_base_hook<boost::intrusive::tag<TargetTag>, AutoUnlink>;

class PendingOperation : public RingHook, public TargetHook, private Timer {
 public:
  PendingOperation() = default;
  PendingOperation(const PendingOperation&) = delete;
  PendingOperation& operator=(const PendingOperation&) = delete;

  // Slab. kNoMemory.
  static Result<PendingOperation*> make(Ring& ring, const Submission& submission);

  // True for exactly one caller; call it with the lock held under which the operation was found.
  bool claim() { return !claimed_.exchange(true, std::memory_order_acq_rel); }
  bool claimed() const { return claimed_.load(std::memory_order_acquire); }

  void arm_timer(u64 deadline_ns);

  // The rest is for the one who claimed it. Unlinks, posts the completion to the ring, releases.
  void finish(i64 result, u64 value0 = 0, u64 value1 = 0);
  void finish(Error error) { finish(-static_cast<i64>(error)); }
  void unlink();  // from target, timer queue and the ring's list

  Ring& ring() const { return *ring_; }
  u64 user_data() const { return completion_.user_data; }
  Operation operation() const { return operation_; }
  u16 flags() const { return flags_; }

  // Set by the target before it links the operation; constant while linked.
  Ref<Object> target;
  Spinlock* target_lock = nullptr;
  u64 data[7] = {};  // meaning is up to the operation

 private:
  friend class Ring;
  bool claim_expiry() override { return claim(); }
  void expired() override;
  void release();

  std::atomic<bool> claimed_{false};
  Operation operation_ = Operation::kNop;
  u16 flags_ = 0;
  Ring* ring_ = nullptr;  // owns a reference, unless embedded in the ring
  Completion completion_{};
  PendingOperation* next_overflow_ = nullptr;
};

using TargetList = boost::intrusive::list<PendingOperation, boost::intrusive::base_hook<TargetHook>, boost::intrusive::constant_time_size<false>>;
using RingList = boost::intrusive::list<PendingOperation, boost::intrusive::base_hook<RingHook>, boost::intrusive::constant_time_size<false>>;

}  // namespace hati
