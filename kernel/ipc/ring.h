// SPDX-License-Identifier: MIT
// A ring: submissions from user space, completions to it, in a Memory object mapped into the owner.
// The kernel keeps its own indices and reads each submission once, so nothing that user space writes can harm anybody but
// itself. `lock_` guards the completion side and the list of operations in flight. A ring dies with its last handle or with its
// owner: it cancels what is in flight and takes no more.
#pragma once

#include <boost/intrusive/list.hpp>

#include "abi/call.h"
#include "abi/ring.h"
#include "base/ref.h"
#include "kernel/ipc/pending.h"
#include "kernel/ipc/ring_queues.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"

namespace hati {

class AddressSpace;
class Memory;
class Thread;
struct Cpu;

struct ProcessRingTag;
using ProcessRingHook = boost::intrusive::list_base_hook<boost::intrusive::tag<ProcessRingTag>>;

class Ring final : public Object, public ProcessRingHook {
 public:
  static constexpr ObjectType kType = ObjectType::kRing;

  // Allocates the queues and maps them into `owner`; sets `request.address`. kInvalidArgument, kNoMemory, kNoSpace, kTerminated.
  static Result<Ref<Ring>> create(AddressSpace& owner, RingRequest& request);

  // Call::kRingEnter by the current thread. The result is the count of submissions consumed, kTimedOut (already past), kBusy (another
  // thread is in here, or waits), kTerminated, kInvalidArgument (queue indices, wait > completion entries).
  // When the caller has to wait, its state is kWaiting on return and its result register is already set.
  struct Entered {
    u32 consumed;
    bool waits;
  };
  Result<Entered> enter(Thread& thread, u32 submit, u32 wait, u64 deadline_ns) HATI_EXCLUDES(lock_);

  // Adds a completion; `spare` carries it while the queue is full. Gives the thread that waits for it, if it is time to wake it: out of
  // the waiter slot already, the caller must claim_wake() it.
  [[nodiscard]] Thread* post(const Completion& completion, PendingOperation& spare) HATI_EXCLUDES(lock_);
  // As post() for a trap of `thread` on this CPU: if nobody waits here for it, its fs and gs bases are saved before it is published.
  [[nodiscard]] Thread* post_trap(const Completion& completion, Thread& thread, u32 cpu) HATI_EXCLUDES(lock_);
  // post() and wake.
  void complete(const Completion& completion, PendingOperation& spare) HATI_EXCLUDES(lock_);

  // Removes `thread` from the waiter slot if it is there: it was killed or its deadline came.
  void forget_waiter(Thread& thread) HATI_EXCLUDES(lock_);
  // kCancel: the number of operations with this user_data that were cancelled (0 or 1).
  u32 cancel(u64 user_data) HATI_EXCLUDES(lock_);
  // Cancels everything in flight and wakes the waiter with kTerminated; idempotent.
  void close() HATI_EXCLUDES(lock_);
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // Links an operation in flight. kTerminated: the ring is closed.
  Result<> track(PendingOperation& operation) HATI_EXCLUDES(lock_);
  void untrack(PendingOperation& operation) HATI_EXCLUDES(lock_);

  // Where user addresses in submissions point. Valid as long as the ring is open; operations in flight hold a reference to the space.
  AddressSpace& owner() const { return *owner_; }

  Ring(AddressSpace& owner, Ref<Memory> memory, RingQueues queues);
  ~Ring() override;

 private:
  void on_last_handle() override { close(); }
  void release_storage() override;
  u32 consume(Thread& thread, u32 submit);
  bool flush_overflow() HATI_REQUIRES(lock_);
  Thread* add(const Completion& completion, PendingOperation& spare) HATI_REQUIRES(lock_);
  Thread* ready_waiter() HATI_REQUIRES(lock_);
  PendingOperation* take_first() HATI_EXCLUDES(lock_);
  PendingOperation* take_by_user_data(u64 user_data) HATI_EXCLUDES(lock_);

  AddressSpace* owner_;  // owns a reference
  Ref<Memory> memory_;
  u64 user_address_ = 0;
  std::atomic<bool> closed_{false};
  std::atomic<bool> entered_{false};  // a thread consumes submissions
  PendingOperation spare_;            // for immediate operations, when the queue fills behind their back

  Spinlock lock_;
  RingQueues queues_;  // submission side: by who has entered_; completion side: lock_
  RingList operations_ HATI_GUARDED_BY(lock_);
  PendingOperation* overflow_first_ HATI_GUARDED_BY(lock_) = nullptr;
  PendingOperation* overflow_last_ HATI_GUARDED_BY(lock_) = nullptr;
  std::atomic<bool> overflowing_{false};
  Thread* waiter_ HATI_GUARDED_BY(lock_) = nullptr;
  u32 wanted_ HATI_GUARDED_BY(lock_) = 0;
};

}  // namespace hati
