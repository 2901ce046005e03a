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

class Process;
class Memory;
class Thread;
struct Cpu;

struct ProcessRingTag;
using ProcessRingHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<ProcessRingTag>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class Ring final : public Object, public ProcessRingHook {
 public:
  static constexpr ObjectType kType = ObjectType::kRing;

  // Allocates the queues and maps them into `owner`; sets `request.address`. kInvalidArgument, kNoMemory, kNoSpace, kTerminated.
  static Result<Ref<Ring>> create(Process& owner, RingRequest& request);

  // Call::kRingEnter by the current thread, which keeps the ring alive (Thread::known_ring). The count of submissions consumed, or an error
  // (negative): kTimedOut, kBusy (another thread is in here, or waits), kTerminated, kInvalidArgument (queue indices, wait > completion
  // entries). kWaits: the thread's state is kWaiting now and its result register is set.
  static constexpr i64 kWaits = i64{1} << 62;
  i64 enter(Thread& thread, u32 submit, u32 wait, u64 deadline_ns) HATI_EXCLUDES(lock_);

  // Adds a completion and wakes the waiter if it is time. If the queue is full `spare` carries it, and true is returned.
  bool complete(const Completion& completion, PendingOperation& spare) HATI_EXCLUDES(lock_);
  // For the submission that is being started: completes it at once, unless it succeeded and is quiet.
  void complete_now(const Submission& submission, i64 result, u64 value0 = 0, u64 value1 = 0) HATI_EXCLUDES(lock_);
  // A trap of `thread`, the current one. If `may_switch` and its waiter belongs to `cpu`, that is returned, out of its slot, for a direct
  // switch. Else the thread is detached from the CPU before anybody sees the completion, and a waiter that is returned is to be woken.
  // Defined in ring_post.h.
  [[nodiscard]] Thread* post_trap(Thread& thread, u64 user_data, i64 trap, u64 detail, u32 cpu, bool may_switch) HATI_EXCLUDES(lock_);

  // Moves completions that found no room into the queue, as far as there is room now.
  void flush() HATI_EXCLUDES(lock_);
  // Removes `thread` from the waiter slot if it is there: it was killed or its deadline came.
  void forget_waiter(Thread& thread) HATI_EXCLUDES(lock_);
  // kCancel: whether an operation with this user_data was found and cancelled.
  bool cancel(u64 user_data) HATI_EXCLUDES(lock_);
  // Cancels everything in flight and wakes the waiter with kTerminated; idempotent.
  void close() HATI_EXCLUDES(lock_);
  // So many operations may be in flight that no more are started. Only who consumes submissions adds to them.
  static constexpr u32 kOperationsMax = 1u << 16;
  // Room for one more, which is charged to the owner. kNoSpace, kNoMemory.
  Result<> reserve_operation() {
    if (has_room_for_operation()) [[likely]]
      return {};
    return charge_operations();
  }
  // Whether that is free.
  bool has_room_for_operation() const {
    return operation_count_.load(std::memory_order_relaxed) < operations_charged_.load(std::memory_order_relaxed);
  }
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  // Links an operation in flight; untrack() follows when it is finished. kTerminated: the ring is closed.
  Result<> track(PendingOperation& operation, u64 deadline_ns) HATI_EXCLUDES(lock_);
  void untrack(PendingOperation& operation) HATI_EXCLUDES(lock_);
  // The same, inlined: track() without a deadline; untrack() and complete() in one, whose waiter is claimed and to be handed over.
  // Defined in ring_post.h.
  Result<> track_inline(PendingOperation& operation) HATI_EXCLUDES(lock_);
  bool finish_inline(PendingOperation& operation, i64 result, u64 value0, u64 value1, Thread*& waiter) HATI_EXCLUDES(lock_);

  // Where user addresses in submissions point. Valid as long as the ring is open; operations in flight that need it hold a reference.
  Process& owner() const { return *owner_; }
  // The queues (abi/ring.h), as the owner has them mapped.
  const Memory& memory() const { return *memory_; }

  Ring(Process& owner, Ref<Memory> memory, RingQueues queues);
  ~Ring() override;

 private:
  void on_last_handle() override { close(); }
  void release_storage() override;
  i64 consume(Thread& thread, u32 submit);
  i64 consume_some(Thread& thread, u32 count);
  void consume_one(Thread& thread);
  i64 wait_for(Thread& thread, u32 wait, u64 deadline_ns, i64 consumed) HATI_EXCLUDES(lock_);
  void drop_overflow() HATI_EXCLUDES(lock_);
  Result<> charge_operations();
  static void drop_carrier(PendingOperation& carrier);
  Thread* post_trap_slowly(Thread& thread, u64 user_data, i64 trap, u64 detail) HATI_REQUIRES(lock_);
  bool add_slowly(PendingOperation& spare, i64 result, u64 value0, u64 value1) HATI_REQUIRES(lock_);
  bool add(const Completion& completion, PendingOperation& spare) HATI_REQUIRES(lock_);
  Thread* ready_waiter() HATI_REQUIRES(lock_);
  PendingOperation* take_first() HATI_EXCLUDES(lock_);
  PendingOperation* take_by_user_data(u64 user_data) HATI_EXCLUDES(lock_);

  Process* owner_;  // alive as long as the ring is open
  Ref<Memory> memory_;
  std::atomic<bool> closed_{false};
  std::atomic<bool> entered_{false};  // a thread consumes submissions
  const Ref<Quota> quota_;  // of the owner, for operations in flight
  std::atomic<u32> operations_charged_{0};
  PendingOperation spare_{this};  // for immediate operations, when the queue fills behind their back

  Spinlock lock_;
  RingQueues queues_;  // submission side: by who has entered_; completion side: lock_
  RingList operations_ HATI_GUARDED_BY(lock_);
  std::atomic<u32> operation_count_{0};  // tracked, also those just being finished; written under lock_
  PendingOperation* overflow_first_ HATI_GUARDED_BY(lock_) = nullptr;
  PendingOperation* overflow_last_ HATI_GUARDED_BY(lock_) = nullptr;
  std::atomic<bool> overflowing_{false};
  Thread* waiter_ HATI_GUARDED_BY(lock_) = nullptr;
  u32 wanted_ HATI_GUARDED_BY(lock_) = 0;
};

// kRingEnter, the one call that waits and the fast path of supervisors: carries it out and gives the thread to leave the kernel with.
Thread* enter_ring(Cpu& cpu, Thread& thread);

}  // namespace hati
