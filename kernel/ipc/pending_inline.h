// SPDX-License-Identifier: MIT
// The steps of an operation's life that each message passes through, inlined: made, tracked, finished, let go.
#pragma once

#include "kernel/ipc/pending.h"
#include "kernel/ipc/ring_post.h"
#include "kernel/thread/resume.h"

namespace hati {

[[gnu::always_inline]] inline Result<PendingOperation*> PendingOperation::make_inline(Ring& ring, Operation number, u16 flags,
                                                                                      u64 user_data) {
  Cpu& cpu = this_cpu();
  PendingOperation* operation = cpu.ready_operations;
  if (operation != nullptr) [[likely]] {
    cpu.ready_operations = operation->next_overflow_;
    --cpu.ready_operation_count;
  } else {
    operation = TRY(construct());
  }
  ring.ref();
  operation->ring_ = &ring;
  operation->operation_ = number;
  operation->flags_ = flags;
  operation->completion_.user_data = user_data;
  return operation;
}

[[gnu::always_inline]] inline void PendingOperation::release_inline() {
  if (ring_ == nullptr) [[unlikely]]
    return;
  std::exchange(ring_, nullptr)->unref();
  target.reset();
  if (space) space.reset();
  if (message) [[unlikely]]
    message.reset();
  target_lock = nullptr;
  Cpu& cpu = this_cpu();
  if (cpu.ready_operation_count == kReadyMax) [[unlikely]]
    return destroy();
  claimed_.store(false, std::memory_order_relaxed);
  in_overflow_.store(false, std::memory_order_relaxed);
  next_overflow_ = cpu.ready_operations;
  cpu.ready_operations = this;
  ++cpu.ready_operation_count;
}

// Short for what has no deadline, is out of its target's list already and is not quiet.
[[gnu::always_inline]] inline void PendingOperation::finish_inline(i64 result, u64 value0, u64 value1) {
  if (queued() || target_lock != nullptr || (flags_ & kSubmitQuiet) != 0) [[unlikely]]
    return finish(result, value0, value1);
  Thread* waiter = nullptr;
  const bool carried = ring_->finish_inline(*this, result, value0, value1, waiter);
  if (!carried) [[likely]]
    release_inline();
  if (waiter != nullptr) hand_over_inline(*waiter);
}

}  // namespace hati
