// SPDX-License-Identifier: MIT
// From the assembly entry to main.cpp: the machine's part of the boot, in the one order that works.
#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/boot/pvh.h"
#include "kernel/debug/log_control.h"
#include "kernel/debug/panic_steps.h"
#include "kernel/debug/serial_console.h"
#include "kernel/main.h"
#include "kernel/memory/direct_map.h"

extern "C" {
extern const hati::u8 image_physical_begin[], image_end[];
extern void (*const init_array_begin[])();
extern void (*const init_array_end[])();
}

namespace hati::arch {
namespace {

constinit BootInfo boot{};

PhysRange image_range() { return {reinterpret_cast<u64>(image_physical_begin), reinterpret_cast<u64>(image_end) - kKernelImageBase}; }

void grow_log() {
  constexpr u64 kLargeLog = 256 << 10, kSmallLog = 64 << 10, kMuchMemory = u64{256} << 20;
  const u64 bytes = boot.memory.ram_bytes() >= kMuchMemory ? kLargeLog : kSmallLog;
  if (const auto place = boot.memory.allocate(bytes, kPageSize, u64{4} << 30)) log_use_storage({phys_to_virt<char>(*place), bytes});
}

// Everything that must be there before the first exception can be reported properly.
void setup_first_cpu() {
  Cpu& cpu = cpu_at(0);
  allocate_cpu(cpu, boot.memory);
  load_descriptors(cpu);
  enable_features();
  fpu_measure();
  cpu.online.store(true);
}

void report_memory() {
  u64 available = 0;
  for (const PhysRange& range : boot.memory.free()) available += range.bytes();
  log(LogLevel::kInfo, "memory: {} MiB, {} KiB free, image {} KiB, initrd {} KiB", boot.memory.ram_bytes() >> 20, available >> 10,
      image_range().bytes() >> 10, boot.initrd_bytes >> 10);
}

}  // namespace

// The rest of the boot, on this processor's own stack, which has a guard page.
[[noreturn]] void continue_boot() {
  local_apic_map();
  local_apic_enable();
  io_apic_init();
  clock_start();
  report_memory();
  kernel_main(boot);
}

[[noreturn]] void call_on_stack(u64 top, void (*function)()) {
  asm volatile("mov %0, %%rsp; xor %%ebp, %%ebp; call *%1; ud2" : : "r"(top), "r"(function) : "memory");
  __builtin_unreachable();
}

extern "C" [[noreturn]] void boot_main(u32 start_info) {
  serial_init();
  for (auto* f = init_array_begin; f != init_array_end; ++f) (*f)();
  detect_features();
  patch_instructions();
  read_pvh_start_info(start_info, image_range(), boot);
  log_configure(boot.command_line);
  panic_configure(boot.command_line);
  setup_first_cpu();
  grow_log();
  log(LogLevel::kInfo, "Hati, command line: {}", boot.command_line_text);
  if (!boot.command_line.bad.empty()) log(LogLevel::kError, "command line: \"{}\" is not understood", boot.command_line.bad);
  read_acpi_tables(boot.rsdp);
  choose_cpus(boot.command_line.cpus_max);
  build_page_tables(boot);
  prepare_cpus(boot.memory);
  load_kernel_tables();
  call_on_stack(cpu_at(0).kernel_stack, continue_boot);
}

void start_other_cpus() { start_cpus(); }

}  // namespace hati::arch
