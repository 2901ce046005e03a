// SPDX-License-Identifier: MIT
// Starting the other processors, one after the other, by INIT and start-up messages (SDM volume 3, 9.4). They take the trampoline's
// long-mode path on the boot page tables and arrive in other_cpu_main().
#include <cstring>

#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/cpu/cpu_table.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/direct_map.h"

extern "C" {
extern hati::u8 trampoline_begin[], trampoline_end[], trampoline_gdt_base[], trampoline_far[], trampoline_root[], trampoline_stack[],
    trampoline_argument[], trampoline_entry[];
extern hati::u8 boot_pml4[];  // its address is its physical address
}

namespace hati::arch {
namespace {

constexpr u64 kTrampolineLimit = 0x100000;
constexpr u64 kStartTimeoutNs = 200'000'000, kSecondMessageNs = 2'000'000;

constinit u32 planned = 1;   // processors to start, this one included
constinit u8* trampoline = nullptr;

template <class T>
void set_field(const u8* symbol, T value) {
  std::memcpy(trampoline + (symbol - trampoline_begin), &value, sizeof(value));
}
template <class T>
void add_to_field(const u8* symbol, T value) {
  T old;
  std::memcpy(&old, trampoline + (symbol - trampoline_begin), sizeof(old));
  set_field(symbol, static_cast<T>(old + value));
}

[[noreturn]] void other_cpu_main(Cpu* cpu) {
  enable_features();
  load_kernel_tables();
  load_descriptors(*cpu);
  local_apic_enable();
  scheduler_init_cpu(*cpu);
  cpu->online.store(true, std::memory_order_release);
  enter_scheduler(*cpu);
}

bool wait_online(const Cpu& cpu, u64 ns) {
  for (const u64 end = now_ns() + ns; now_ns() < end; relax())
    if (cpu.online.load(std::memory_order_acquire)) return true;
  return cpu.online.load(std::memory_order_acquire);
}

bool start(Cpu& cpu) {
  const u8 page = static_cast<u8>(virt_to_phys(trampoline).frame());
  set_field(trampoline_stack, cpu.kernel_stack);
  set_field(trampoline_argument, reinterpret_cast<u64>(&cpu));
  std::atomic_thread_fence(std::memory_order_seq_cst);
  local_apic_send_init(cpu.apic_id);
  local_apic_send_startup(cpu.apic_id, page);
  if (wait_online(cpu, kSecondMessageNs)) return true;
  local_apic_send_startup(cpu.apic_id, page);  // older processors may miss the first one
  return wait_online(cpu, kStartTimeoutNs);
}

}  // namespace

// The boot processor is number 0, the others follow in the order of the MADT.
void choose_cpus(u32 cpus_max) {
  const u32 own = cpuid(1).ebx >> 24;
  cpu_at(0).apic_id = own;
  for (u32 i = 0; i < acpi().cpu_count && planned < cpus_max && planned < kCpusMax; ++i) {
    const u32 apic_id = acpi().cpu_apic_ids[i];
    if (apic_id == own || (!features().x2apic && apic_id > 0xff)) continue;
    Cpu& cpu = cpu_at(planned);
    cpu.id = planned++;
    cpu.apic_id = apic_id;
  }
}

void prepare_cpus(MemoryMap& memory) {
  for (u32 i = 0; i < planned; ++i) {
    if (i > 0) allocate_cpu(cpu_at(i), memory);
    set_kernel_stack(cpu_at(i), map_kernel_stack(i, memory));
  }
  if (planned == 1) return;
  const auto page = memory.allocate(kPageSize, kPageSize, kTrampolineLimit);
  if (!page) {
    log(LogLevel::kWarning, "smp: no memory below 1 MiB: only one processor can be used");
    planned = 1;
    return;
  }
  trampoline = phys_to_virt<u8>(*page);
  std::memcpy(trampoline, trampoline_begin, static_cast<usize>(trampoline_end - trampoline_begin));
  add_to_field(trampoline_gdt_base, static_cast<u32>(page->value));
  add_to_field(trampoline_far, static_cast<u32>(page->value));
  // The stacks are mapped where the boot page tables have nothing.
  constexpr usize kSlot = kDeviceMapBase >> 39 & 511;
  phys_to_virt<u64>(PhysAddr{reinterpret_cast<u64>(boot_pml4)})[kSlot] = phys_to_virt<u64>(kernel_root())[kSlot];
  set_field(trampoline_root, reinterpret_cast<u64>(boot_pml4));
  set_field(trampoline_entry, reinterpret_cast<u64>(&other_cpu_main));
}

void start_cpus() {
  u32 running = 1;
  for (u32 i = 1; i < planned; ++i) {
    // The number must be valid before the processor uses it; a processor that fails would leave a hole, so the rest is given up.
    set_cpu_count(i + 1);
    if (!start(cpu_at(i))) {
      set_cpu_count(i);
      log(LogLevel::kError, "smp: processor {} (APIC {:#x}) does not start", i, cpu_at(i).apic_id);
      break;
    }
    ++running;
  }
  log(LogLevel::kInfo, "smp: {} of {} processors running", running, planned);
}

}  // namespace hati::arch
