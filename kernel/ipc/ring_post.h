// SPDX-License-Identifier: MIT
// The completion side of a ring where instructions are counted: traps of supervised threads, messages.
#pragma once

#include "kernel/ipc/ring.h"
#include "kernel/thread/thread.h"

namespace hati {

[[gnu::always_inline]] inline Thread* Ring::post_trap(Thread& thread, u64 user_data, i64 trap, u64 detail, u32 cpu, bool may_switch) {
  Guard guard(lock_);
  Thread* waiter = waiter_;
  if (may_switch && waiter != nullptr && waiter->cpu.load(std::memory_order_relaxed) == cpu && overflow_first_ == nullptr) [[likely]] {
    const u32 used = queues_.available();
    if (used < queues_.complete_entries() && used + 1 >= wanted_) [[likely]] {
      queues_.put({user_data, trap, {detail, 0}});
      waiter_ = nullptr;
      return waiter;  // it sleeps on this CPU: the registers are saved before it runs
    }
  }
  return post_trap_slowly(thread, user_data, trap, detail);
}

[[gnu::always_inline]] inline Result<> Ring::track_inline(PendingOperation& operation) {
  Guard guard(lock_);
  if (closed_.load(std::memory_order_relaxed)) [[unlikely]]
    return fail(Error::kTerminated);
  operation_count_.store(operation_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  operations_.push_back(operation);
  return {};
}

[[gnu::always_inline]] inline bool Ring::finish_inline(PendingOperation& operation, i64 result, u64 value0, u64 value1, Thread*& waiter) {
  Guard guard(lock_);
  operation_count_.store(operation_count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (operation.RingHook::is_linked()) operation.RingHook::unlink();
  if (closed_.load(std::memory_order_relaxed)) [[unlikely]]
    return false;
  const u32 used = queues_.available();
  bool carried = false;
  if (overflow_first_ == nullptr && used < queues_.complete_entries()) [[likely]] {
    queues_.put({operation.completion_.user_data, result, {value0, value1}});
  } else {
    carried = add_slowly(operation, result, value0, value1);
  }
  if (waiter_ != nullptr && (used + 1 >= wanted_ || overflow_first_ != nullptr)) {
    // Claimed here, where it cannot end: to leave its slot it needs this lock.
    Thread* const thread = std::exchange(waiter_, nullptr);
    if (thread->claim_wake()) [[likely]]
      waiter = thread;
  }
  return carried;
}

}  // namespace hati
