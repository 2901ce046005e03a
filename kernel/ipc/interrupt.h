// SPDX-License-Identifier: MIT
// A device interrupt as an object. Interrupts are counted; a wait takes the count. A level-triggered line is masked when it fires (by
// kernel/arch) until kInterruptAcknowledge. The line is given back when the last handle is closed.
#pragma once

#include "abi/call.h"
#include "kernel/ipc/pending.h"

namespace hati {

class Interrupt final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kInterrupt;

  // kBusy, kNotFound, kNoSpace as arch::interrupt_route(); kNoMemory, kInvalidArgument.
  static Result<Ref<Interrupt>> create(u32 gsi, InterruptFlags flags);
  // The vector fired on this CPU. False: nobody has it.
  static bool dispatch(u32 vector);

  void acknowledge();
  // kInterruptWait.
  Result<> wait(PendingOperation& operation) HATI_EXCLUDES(lock_);

  explicit Interrupt(u32 gsi) : Object(kType), gsi_(gsi) {}

 private:
  void on_last_handle() override;
  void release_storage() override;
  void fire() HATI_EXCLUDES(lock_);

  const u32 gsi_;
  Spinlock lock_;
  u64 count_ HATI_GUARDED_BY(lock_) = 0;
  bool released_ HATI_GUARDED_BY(lock_) = false;
  TargetList waiters_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati
