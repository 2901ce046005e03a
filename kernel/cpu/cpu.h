// SPDX-License-Identifier: MIT
// One processor as the kernel sees it. The structure of the running processor is found through GS; it is written only by its own
// processor except where a member says otherwise. Processors are numbered 0..cpu_count()-1, 0 is the one that booted.
// Rooms with state of their own per processor use PerCpu<T>.
#pragma once

#include <array>
#include <atomic>

#include "base/types.h"

namespace hati {

class PendingOperation;
class Thread;
namespace arch {
struct ThreadContext;
struct SpaceContext;
struct CpuTables;
}  // namespace arch
struct ThreadPage;

inline constexpr u32 kCpusMax = 64;

struct alignas(64) Cpu {
  // Offsets are used by kernel/arch/x86_64/entry.S; arch::switch_thread sets all but `self`, `kernel_stack` and `current`.
  Cpu* self;              // 0
  ThreadPage* page;       // 8: registers of the running thread, nullptr when idle
  u64 kernel_stack;       // 16: top
  u64 scratch;            // 24: the user's rsp, for a few instructions at entry
  u64 exit_code_segment;  // 32: CS for the way out; 0 makes iretq fail, so that the thread traps
  u64 exit_stack_segment; // 40
  Thread* current;        // 48: set by the scheduler together with switch_thread; nullptr when idle

  arch::ThreadContext* context;    // of `current`
  arch::ThreadContext* fpu_owner;  // whose extended state is in this processor, nullptr: nobody's
  arch::SpaceContext* space;       // whose page tables are loaded, nullptr: the kernel's own
  arch::CpuTables* tables;         // GDT, TSS, interrupt stacks
  u32 id;
  u32 apic_id;
  bool debug_registers;  // DR7 holds something
  bool fpu_trap;         // CR0.TS is set
  std::atomic<bool> online;
  std::atomic<u64> interrupts;  // statistics; read by others
  u64 idle_since;               // for the owner of the idle statistics
  PendingOperation* ready_operations;  // used before, clean and ready: kernel/ipc/pending_inline.h. Here, since each message passes it
  u32 ready_operation_count;
};
static_assert(__builtin_offsetof(Cpu, page) == 8 && __builtin_offsetof(Cpu, kernel_stack) == 16 && __builtin_offsetof(Cpu, scratch) == 24);
static_assert(__builtin_offsetof(Cpu, exit_code_segment) == 32 && __builtin_offsetof(Cpu, exit_stack_segment) == 40);
static_assert(__builtin_offsetof(Cpu, current) == 48);

#if HATI_KERNEL
// The processor that executes this. Kernel code is never moved between processors.
inline Cpu& this_cpu() {
  Cpu* cpu;
  asm("mov %%gs:0, %0" : "=r"(cpu));
  return *cpu;
}
#else
Cpu& this_cpu();  // host tests bring their own
#endif

u32 cpu_count();      // processors that run; constant once the first process starts
Cpu& cpu_at(u32 id);  // id < cpu_count()

// One T for each processor, each on its own cache lines. Zero or default initialised before main.
template <class T>
class PerCpu {
 public:
  T& local() { return slots_[this_cpu().id].value; }
  T& at(u32 id) { return slots_[id].value; }
  const T& at(u32 id) const { return slots_[id].value; }

 private:
  struct alignas(64) Slot {
    T value{};
  };
  std::array<Slot, kCpusMax> slots_{};
};

}  // namespace hati
