// SPDX-License-Identifier: MIT
// Extended (x87, SSE, AVX) state. It is loaded when a thread other than a server's worker is switched to, saved when another owner comes
// or the processor goes idle; for workers CR0.TS makes the first use trap. The only instructions of the kernel that touch this state are here.
#include <cstring>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"

namespace hati::arch {
namespace {

constinit u32 state_size = 0;
constexpr u32 kMxcsrOffset = 24, kControlWordOffset = 0, kLegacyAndHeader = 576;
constexpr u16 kControlWordInitial = 0x37f;
constexpr u32 kMxcsrInitial = 0x1f80;

void save_extended(void* area) {
  const u64 mask = extended_features();
  if (features().xsaveopt)
    asm volatile("xsaveopt64 (%0)" : : "r"(area), "a"(static_cast<u32>(mask)), "d"(static_cast<u32>(mask >> 32)) : "memory");
  else
    asm volatile("xsave64 (%0)" : : "r"(area), "a"(static_cast<u32>(mask)), "d"(static_cast<u32>(mask >> 32)) : "memory");
}

// False if the area is malformed: xrstor faulted and left the state undefined.
bool restore_extended(const void* area) {
  const u64 mask = extended_features();
  u32 failed;
  asm volatile(
      "xor %0, %0\n"
      "1: xrstor64 (%1)\n"
      "2:\n"
      ".pushsection .text.fixups, \"ax\"\n"
      "3: mov $1, %0\n"
      "jmp 2b\n"
      ".popsection\n"
      ".pushsection .fixups, \"a\"\n"
      ".quad 1b, 3b\n"
      ".popsection\n"
      : "=&r"(failed)
      : "r"(area), "a"(static_cast<u32>(mask)), "d"(static_cast<u32>(mask >> 32))
      : "memory");
  return failed == 0;
}

void set_initial(u8* area) {
  std::memset(area, 0, kLegacyAndHeader);  // XSTATE_BV = 0: every component is in its initial state
  std::memcpy(area + kControlWordOffset, &kControlWordInitial, sizeof(kControlWordInitial));
  std::memcpy(area + kMxcsrOffset, &kMxcsrInitial, sizeof(kMxcsrInitial));
}

void load_extended(Cpu& cpu, ThreadContext& thread) {
  if (!restore_extended(thread.page->extended)) {
    set_initial(thread.page->extended);
    if (!restore_extended(thread.page->extended)) panic("the initial extended state cannot be loaded");
    if (cpu.context == &thread) spoil_exit(cpu);
  }
  cpu.fpu_owner = &thread;
  thread.page->extended_valid = 0;
  thread.fpu_cpu.store(static_cast<i32>(cpu.id), std::memory_order_release);
}

// CR0.TS is clear. The owner's state goes to its page.
void unload_extended(Cpu& cpu) {
  ThreadContext* const owner = cpu.fpu_owner;
  if (owner == nullptr) return;
  save_extended(owner->page->extended);
  owner->page->extended_valid = 1;
  cpu.fpu_owner = nullptr;
  // From here another processor may run the owner.
  owner->fpu_cpu.store(-1, std::memory_order_release);
}

}  // namespace

void set_fpu_trap(Cpu& cpu, bool on) {
  if (cpu.fpu_trap == on) return;
  if (on)
    write_cr0(read_cr0() | kCr0TaskSwitched);
  else
    asm volatile("clts");
  cpu.fpu_trap = on;
}

void fpu_measure() {
  state_size = cpuid(0xd, 0).ebx;  // for the features enabled in XCR0
  if (state_size < kLegacyAndHeader || state_size > sizeof(ThreadPage::extended))
    panic("the processor's extended state of {} bytes does not fit into a thread's page", state_size);
}

u32 fpu_state_size() { return state_size; }

void fpu_init(ThreadPage& page) {
  set_initial(page.extended);
  page.extended_size = state_size;
  page.extended_valid = 1;
}

void fpu_save(ThreadContext& thread) {
  Cpu& cpu = this_cpu();
  if (cpu.fpu_owner != &thread) return;
  set_fpu_trap(cpu, false);
  unload_extended(cpu);
  set_fpu_trap(cpu, true);  // a running thread that still wants it gets it back by #NM
}

void fpu_discard(ThreadContext& thread) {
  Cpu& cpu = this_cpu();
  if (cpu.fpu_owner != &thread) return;
  cpu.fpu_owner = nullptr;
  thread.fpu_cpu.store(-1, std::memory_order_release);
  set_fpu_trap(cpu, true);
}

void fpu_switch(Cpu& cpu, ThreadContext* to) {
  if (to != nullptr && cpu.fpu_owner == to) return set_fpu_trap(cpu, false);
  if (to != nullptr && to->lazy_fpu) return set_fpu_trap(cpu, true);
  if (cpu.fpu_owner != nullptr) {
    set_fpu_trap(cpu, false);
    unload_extended(cpu);
  }
  if (to == nullptr) return set_fpu_trap(cpu, true);
  set_fpu_trap(cpu, false);
  load_extended(cpu, *to);
}

bool fpu_trap_fired(Cpu& cpu) {
  if (!cpu.fpu_trap || cpu.context == nullptr) return false;
  set_fpu_trap(cpu, false);
  if (cpu.fpu_owner == cpu.context) return true;
  unload_extended(cpu);
  load_extended(cpu, *cpu.context);
  return true;
}

}  // namespace hati::arch
