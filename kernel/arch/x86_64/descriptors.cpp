// SPDX-License-Identifier: MIT
// GDT, TSS and interrupt stacks of each processor, the IDT they share, and the syscall registers. SDM volume 3, chapters 3, 6 and 7.
#include <new>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/offsets.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/arch/x86_64/vectors.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/direct_map.h"

static_assert(CPU_SELF == __builtin_offsetof(hati::Cpu, self) && CPU_PAGE == __builtin_offsetof(hati::Cpu, page));
static_assert(CPU_STACK == __builtin_offsetof(hati::Cpu, kernel_stack) && CPU_SCRATCH == __builtin_offsetof(hati::Cpu, scratch));
static_assert(CPU_EXIT_CS == __builtin_offsetof(hati::Cpu, exit_code_segment));
static_assert(CPU_EXIT_SS == __builtin_offsetof(hati::Cpu, exit_stack_segment));
static_assert(PAGE_RIP == __builtin_offsetof(hati::ThreadPage, rip) && PAGE_RFLAGS == __builtin_offsetof(hati::ThreadPage, rflags));
static_assert(PAGE_R15 == __builtin_offsetof(hati::ThreadPage, r15) && PAGE_RSP == __builtin_offsetof(hati::ThreadPage, rsp));
static_assert(RFLAGS_USER == hati::kRflagsUser);

extern "C" {
void syscall_entry();
extern const hati::u64 vector_table[256];
}

namespace hati::arch {

struct [[gnu::packed]] TaskState {
  u32 reserved0;
  u64 stack[3];
  u64 reserved1;
  u64 interrupt_stack[7];
  u64 reserved2;
  u16 reserved3;
  u16 port_map;  // beyond the limit: no ports
};
static_assert(sizeof(TaskState) == 104);

struct alignas(INTERRUPT_STACK_SIZE) InterruptStack {
  Cpu* cpu;  // found by the entry code at the bottom
  u8 space[INTERRUPT_STACK_SIZE - sizeof(Cpu*)];
};

struct CpuTables {
  InterruptStack stacks[4];
  u64 gdt[9];
  TaskState task;
  VectorTable vectors;
};

namespace {

struct [[gnu::packed]] TablePointer {
  u16 limit;
  u64 base;
};

struct Gate {
  u16 offset_low, selector;
  u8 stack, type;
  u16 offset_middle;
  u32 offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

constinit Gate idt[256]{};

constexpr u64 kCode = 0x00af'9b00'0000'ffff, kData = 0x00cf'9300'0000'ffff;  // present, accessed, 64-bit code / data
constexpr u64 level(u64 ring) { return ring << 45; }                         // DPL
constexpr u8 kInterruptGate = 0x8e, kInterruptGateUser = 0xee;
constexpr u32 kNmi = 2, kBreakpoint = 3, kOverflow = 4, kDoubleFault = 8, kMachineCheck = 18, kDebug = 1;

// Which of the TSS's interrupt stacks (1..7) a vector uses; 0: the normal one.
u8 stack_of(u32 vector) {
  switch (vector) {
    case kNmi: return 1;
    case kDoubleFault: return 2;
    case kMachineCheck: return 3;
    case kDebug: return 4;
    default: return 0;
  }
}

void fill_idt() {
  for (u32 i = 0; i < 256; ++i) {
    const u64 target = vector_table[i];
    const bool user = i == kBreakpoint || i == kOverflow;
    idt[i] = {static_cast<u16>(target),
              SELECTOR_KERNEL_CODE,
              stack_of(i),
              user ? kInterruptGateUser : kInterruptGate,
              static_cast<u16>(target >> 16),
              static_cast<u32>(target >> 32),
              0};
  }
}

void fill_gdt(CpuTables& tables) {
  const u64 base = reinterpret_cast<u64>(&tables.task), limit = sizeof(TaskState) - 1;
  tables.gdt[0] = 0;
  tables.gdt[SELECTOR_SERVER_CODE / 8] = kCode | level(1);
  tables.gdt[SELECTOR_KERNEL_CODE / 8] = kCode;
  tables.gdt[SELECTOR_KERNEL_DATA / 8] = kData;
  tables.gdt[SELECTOR_SERVER_DATA / 8] = kData | level(1);
  tables.gdt[SELECTOR_USER_DATA / 8] = kData | level(3);
  tables.gdt[SELECTOR_USER_CODE / 8] = kCode | level(3);
  constexpr u64 kAvailableTask = u64{0x89} << 40;
  tables.gdt[SELECTOR_TASK / 8] = kAvailableTask | limit | (base & 0xff'ffff) << 16 | (base >> 24 & 0xff) << 56;
  tables.gdt[SELECTOR_TASK / 8 + 1] = base >> 32;
}

}  // namespace

void allocate_cpu(Cpu& cpu, MemoryMap& memory) {
  const auto place = memory.allocate(sizeof(CpuTables), kPageSize, u64{4} << 30);
  if (!place) panic("boot: no memory for the tables of CPU {}", cpu.id);
  auto* tables = new (phys_to_virt<>(*place)) CpuTables{};
  cpu.self = &cpu;
  cpu.tables = tables;
  fill_gdt(*tables);
  tables->task.port_map = sizeof(TaskState);
  for (u32 i = 0; i < 4; ++i) {
    tables->stacks[i].cpu = &cpu;
    tables->task.interrupt_stack[i] = reinterpret_cast<u64>(&tables->stacks[i] + 1);
  }
}

VectorTable& vectors_of(Cpu& cpu) { return cpu.tables->vectors; }

void set_kernel_stack(Cpu& cpu, u64 top) {
  cpu.kernel_stack = top;
  cpu.tables->task.stack[0] = top;
}

void load_descriptors(Cpu& cpu) {
  if (cpu.id == 0) fill_idt();
  const TablePointer gdt_pointer{sizeof(cpu.tables->gdt) - 1, reinterpret_cast<u64>(cpu.tables->gdt)};
  const TablePointer idt_pointer{sizeof(idt) - 1, reinterpret_cast<u64>(idt)};
  asm volatile(
      "lgdt %0\n"
      "pushq %3\n"
      "leaq 1f(%%rip), %%rax\n"
      "pushq %%rax\n"
      "lretq\n"
      "1: mov %2, %%eax\n"
      "mov %%eax, %%ss\n"
      "xor %%eax, %%eax\n"
      "mov %%eax, %%ds\n"
      "mov %%eax, %%es\n"
      "mov %%eax, %%fs\n"
      "mov %%eax, %%gs\n"
      "lidt %1\n"
      "mov %4, %%eax\n"
      "ltr %%ax\n"
      :
      : "m"(gdt_pointer), "m"(idt_pointer), "i"(SELECTOR_KERNEL_DATA), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_TASK)
      : "rax", "memory");
  write_msr(kMsrGsBase, reinterpret_cast<u64>(&cpu));
  write_msr(kMsrKernelGsBase, 0);
  if (features().tsc_aux) write_msr(kMsrTscAux, cpu.id);  // for programs: RDTSCP and RDPID
  write_msr(kMsrStar, u64{SELECTOR_KERNEL_CODE} << 32 | u64{SELECTOR_USER_DATA - 8} << 48);
  write_msr(kMsrLstar, reinterpret_cast<u64>(&syscall_entry));
  write_msr(kMsrCstar, 0);
  write_msr(kMsrSyscallMask,
            kRflagsTrap | kRflagsInterrupt | kRflagsDirection | kRflagsIopl | kRflagsNested | kRflagsResume | kRflagsAlignmentCheck);
}

}  // namespace hati::arch
