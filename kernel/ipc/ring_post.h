// SPDX-License-Identifier: MIT
// Ring::post_trap(), inlined into the one place that uses it.
#pragma once

#include "kernel/ipc/ring.h"
#include "kernel/thread/thread.h"

namespace hati {

[[gnu::always_inline]] inline Thread* Ring::post_trap(const Completion& completion, Thread& thread, u32 cpu, bool may_switch) {
  Guard guard(lock_);
  Thread* waiter = waiter_;
  if (may_switch && waiter != nullptr && waiter->cpu.load(std::memory_order_relaxed) == cpu && overflow_first_ == nullptr) [[likely]] {
    const u32 used = queues_.available();
    if (used < queues_.complete_entries() && used + 1 >= wanted_) [[likely]] {
      queues_.put(completion);
      waiter_ = nullptr;
      return waiter;  // it sleeps on this CPU: the registers are saved before it runs
    }
  }
  return post_trap_slowly(completion, thread);
}

}  // namespace hati
