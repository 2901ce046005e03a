// SPDX-License-Identifier: MIT
// Which CPU a thread goes to: wake-up placement, idle CPUs, stealing. Used by scheduler.cpp.
#pragma once

#include "base/types.h"
#include "kernel/cpu/cpu.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/thread.h"

namespace hati {

inline bool may_run_on(const Thread& thread, u32 cpu) { return (thread.affinity.load(std::memory_order_relaxed) >> cpu & 1) != 0; }
// For an idle CPU: takes a thread from another's queue, or nullptr. It is kRunnable and the caller's.
Thread* steal(Cpu& cpu);
void note_idle(u32 cpu, bool idle);
// At the end of a slice, with the lock of `cs` held and neither `current` nor the next thread in the queue: the CPU that should have `current`
// instead of this one, or this one.
u32 balance_target(Cpu& cpu, CpuScheduler& cs, Thread& current, const RunNode& next, u64 now) HATI_REQUIRES(cs.lock);
// Puts a thread that nobody has into another CPU's queue; `lag`: its virtual time less the queue's that it comes from.
void give_to(u32 target, Thread& thread, i64 lag);
// Wakes one idle CPU so that it may steal from `from`.
void invite_idle_cpu(u32 from);

}  // namespace hati
