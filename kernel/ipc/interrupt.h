// SPDX-License-Identifier: MIT
// A device interrupt as an object: a line, or a vector for messages. Interrupts are counted; a wait takes the count. A level-triggered line is
// masked when it fires (by kernel/arch) until kInterruptAcknowledge. Line or vector is given back when the last handle is closed.
#pragma once

#include "abi/call.h"
#include "kernel/ipc/pending.h"

namespace hati {

class Interrupt final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kInterrupt;

  // kBusy, kNotFound, kNoSpace as arch::interrupt_route(); kNoMemory, kInvalidArgument.
  static Result<Ref<Interrupt>> create(u32 gsi, InterruptFlags flags);
  // `request.cpu` is where it is wanted; all fields are filled in. kNoSpace, kNoMemory.
  static Result<Ref<Interrupt>> create_message(MessageInterrupt& request);
  // The vector fired on this CPU. False: nobody has it.
  static bool dispatch(u32 cpu, u32 vector);

  // No effect on messages.
  void acknowledge();
  // kInterruptWait.
  Result<> wait(PendingOperation& operation) HATI_EXCLUDES(lock_);

  struct Source {
    bool message;
    u32 gsi;  // lines
    u32 cpu, vector;  // messages
  };
  explicit Interrupt(const Source& source) : Object(kType), source_(source) {}

 private:
  void on_last_handle() override;
  void release_storage() override;
  void fire() HATI_EXCLUDES(lock_);

  Source source_;  // constant once published
  Spinlock lock_;
  u64 count_ HATI_GUARDED_BY(lock_) = 0;
  bool released_ HATI_GUARDED_BY(lock_) = false;
  TargetList waiters_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati
