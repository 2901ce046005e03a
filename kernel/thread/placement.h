// SPDX-License-Identifier: MIT
// Which CPU a thread goes to: wake-up placement, idle CPUs, stealing. Used by scheduler.cpp.
#pragma once

#include "base/types.h"
#include "kernel/cpu/cpu.h"
#include "kernel/thread/thread.h"

namespace hati {

inline bool may_run_on(const Thread& thread, u32 cpu) { return (thread.affinity.load(std::memory_order_relaxed) >> cpu & 1) != 0; }
// For an idle CPU: takes a thread from another's queue, or nullptr. It is kRunnable and the caller's.
Thread* steal(Cpu& cpu);
void note_idle(u32 cpu, bool idle);
// Wakes one idle CPU so that it may steal from `from`.
void invite_idle_cpu(u32 from);

}  // namespace hati
