// SPDX-License-Identifier: MIT
// What entry.S calls: sorts exceptions and interrupts into those that stay here (FPU, debug traps of the kernel, panics) and those for
// kernel/thread.
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/report.h"
#include "kernel/thread/thread.h"

namespace hati::arch {
namespace {

constexpr u32 kVectorDebug = 1, kVectorNoFpu = 7, kVectorProtection = 13, kVectorPageFault = 14;
constexpr u64 kDr6Reset = 0xffff'0ff0;

struct Fixup {
  u64 instruction, handler;
};
extern "C" const Fixup fixups_begin[], fixups_end[];

constinit std::atomic<bool> stopping{false};

}  // namespace

void stop_others() {
  stopping.store(true);
  const Cpu* self = try_this_cpu();
  for (u32 i = 0; i < cpu_count(); ++i) {
    const Cpu& cpu = cpu_at(i);
    if (&cpu != self && cpu.online.load()) local_apic_send_nmi(cpu.apic_id);
  }
}

extern "C" {

Thread* arch_on_exception(Cpu* cpu, u32 vector, u64 error) {
  if (vector == kVectorPageFault) {
    // A program's instruction that accessed memory with the processor's own privilege (QEMU does so for a far return, SMAP stops it): no page
    // that could be made present would help.
    if ((error & kFaultUser) == 0 && cpu->current->supervised()) return kernel_on_exception(cpu, kVectorProtection, 0, 0);
    return kernel_on_exception(cpu, vector, error | kFaultUser, read_cr2());
  }
  if (vector == kVectorNoFpu && fpu_trap_fired(*cpu)) return cpu->current;
  if (vector == kVectorDebug) {
    cpu->page->debug_status = read_dr6();
    write_dr6(kDr6Reset);
  }
  return kernel_on_exception(cpu, vector, error, 0);
}

// iretq could not load the thread's registers: non-canonical addresses, or spoil_exit().
Thread* arch_on_exit_failure(Cpu* cpu) { return kernel_on_exception(cpu, kVectorProtection, 0, 0); }

Thread* arch_on_interrupt(Cpu* cpu, u32 vector) {
  cpu->interrupts.fetch_add(1, std::memory_order_relaxed);
  if (vector == kVectorSpurious) return cpu->current;
  if (vector >= kVectorDeviceFirst && vector <= kVectorDeviceLast) io_apic_before_delivery(*cpu, vector);
  local_apic_acknowledge();
  return kernel_on_interrupt(cpu, vector);
}

Thread* arch_idle(Cpu* cpu) { return scheduler_idle(*cpu); }

void arch_on_kernel_exception(KernelFrame* frame) {
  for (const Fixup* fixup = fixups_begin; fixup != fixups_end; ++fixup)
    if (fixup->instruction == frame->rip) {
      frame->rip = fixup->handler;
      return;
    }
  panic_exception(*frame);
}

[[noreturn]] void arch_on_fatal_exception(KernelFrame* frame) { panic_exception(*frame); }

void arch_on_nmi(KernelFrame*) {
  if (stopping.load()) halt();
}

// Single step or a breakpoint that was delivered in the kernel, such as one that a `mov ss` in front of `syscall` held back.
void arch_on_kernel_debug(KernelFrame* frame) {
  write_dr6(kDr6Reset);
  frame->rflags &= ~kRflagsTrap;
}
}

}  // namespace hati::arch
