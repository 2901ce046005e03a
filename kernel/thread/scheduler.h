// SPDX-License-Identifier: MIT
// Which thread runs where: one CpuScheduler per CPU, each with a run queue and a timer queue; wake-up placement, stealing,
// preemption, the direct switch between supervised threads and their supervisor, time accounting.
#pragma once

#include "base/types.h"

namespace hati {

struct BootInfo;
struct Cpu;
class Thread;

// Called once by each CPU when it is ready, before its first interrupt: makes its scheduler, counted as online from here.
void scheduler_cpu_online(Cpu& cpu);

// For the idle loop of kernel/arch, interrupts off: runs deferred work and looks for threads. Returns a thread to run, or
// nullptr: then `sti; hlt`, and the interrupt that ends it goes through kernel_on_interrupt.
Thread* scheduler_idle(Cpu& cpu);

// The CPU has received Ipi::kReschedule: nothing to do but to take the exit path. (kernel_on_interrupt does it.)

// Starts servers/init from the initial ram disk; panics if that is impossible. Called once by the boot CPU, which then enters
// its idle loop as the others do.
void start_first_process(const BootInfo& boot);

}  // namespace hati

// Implemented in kernel/thread/entry.cpp; see docs/contracts.md. cpu->current is the thread that was interrupted (nullptr: idle)
// on entry, and the returned thread on return.
extern "C" {
hati::Thread* kernel_on_call(hati::Cpu* cpu);
hati::Thread* kernel_on_exception(hati::Cpu* cpu, hati::u32 vector, hati::u64 error, hati::u64 address);
hati::Thread* kernel_on_interrupt(hati::Cpu* cpu, hati::u32 vector);
}
