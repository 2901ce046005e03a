// SPDX-License-Identifier: MIT
// A ring: submissions from user space, completions to it, in a Memory object mapped into the owner.
// The kernel keeps its own indices and reads each submission once, so nothing that user space writes can harm anybody but
// itself. `lock_` guards the completion side and the list of operations in flight. A ring dies with its last handle or its
// owner: it cancels what is in flight and takes no more.
#pragma once

#include <array>

#include "kernel/ipc/pending.h"

namespace hati {

class AddressSpace;
class Memory;
class Thread;

class Ring final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kRing;

  // Allocates the queues and maps them into `owner`; `request.address` is set. kInvalidArgument, kNoMemory, kNoSpace.
  static Result<Ref<Ring>> create(AddressSpace& owner, RingRequest& request);

  // Call::kRingEnter by `thread` (the current one). The result goes into its registers, now or when it wakes.
  // Returns false if the thread waits now.
  bool enter(Thread& thread, u32 submit, u32 wait, u64 deadline_ns);

  // A completion of a trap or of an immediate operation. `spare` carries it if the queue is full.
  // Returns the thread that must be woken now (already taken out of the ring), or nullptr.
  [[nodiscard]] Thread* post(const Completion& completion, PendingOperation& spare) HATI_EXCLUDES(lock_);
  // For a claimed and unlinked operation.
  void complete(PendingOperation& operation) HATI_EXCLUDES(lock_);

  // Cancels everything in flight and wakes the waiter with kTerminated; idempotent.
  void close() HATI_EXCLUDES(lock_);
  AddressSpace& owner() const { return *owner_; }

 private:
  friend class PendingOperation;
  friend class RingAccess;
  Ring();
  ~Ring() override;
  void on_last_handle() override { close(); }
  void release_storage() override;

  AddressSpace* owner_ = nullptr;
  Spinlock lock_;
  RingList operations_ HATI_GUARDED_BY(lock_);
  Thread* waiter_ HATI_GUARDED_BY(lock_) = nullptr;
};

}  // namespace hati
