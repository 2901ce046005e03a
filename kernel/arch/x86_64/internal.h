// SPDX-License-Identifier: MIT
// What the files of this folder offer each other during start-up.
#pragma once

#include "kernel/arch/arch.h"
#include "kernel/boot/boot_info.h"

namespace hati::arch {

// features.cpp
void detect_features();       // panics with a list if something required is missing
void patch_instructions();    // while the image is still writable
void enable_features();       // CR0, CR4, EFER, XCR0, PAT of this processor
u64 extended_features();      // XCR0

// descriptors.cpp
void allocate_cpu(Cpu& cpu, MemoryMap& memory);  // tables and interrupt stacks
void load_descriptors(Cpu& cpu);                 // GDT, TSS, IDT, GS, syscall registers of this processor
void set_kernel_stack(Cpu& cpu, u64 top);
class VectorTable;
VectorTable& vectors_of(Cpu& cpu);

// paging.cpp
void build_page_tables(BootInfo& boot);  // kernel image, direct map; not loaded yet
void load_kernel_tables();
void* map_device(PhysAddr address, u64 bytes);  // uncached; only while the early allocator exists
u64 map_kernel_stack(u32 cpu, MemoryMap& memory);  // -> top
extern const u64 kKernelStackSize;

// acpi.cpp, from the tables while the boot page tables are loaded
struct AcpiInfo;
const AcpiInfo& acpi();
void read_acpi_tables(PhysAddr rsdp);

// calibrate.cpp, clock.cpp
struct TimerRates {
  u64 tsc_hz, apic_hz;
  const char* source;
};
TimerRates calibrate_timers();
void clock_start();  // calibrates; from here on now_ns() advances
u64 apic_timer_hz();
i64 read_hardware_clock();  // seconds since 1970

// local_apic.cpp
void local_apic_map();         // once
void local_apic_enable();      // each processor
u32 local_apic_id();
void local_apic_acknowledge();
void local_apic_send_init(u32 apic_id);
void local_apic_send_startup(u32 apic_id, u8 page);
void local_apic_send_nmi(u32 apic_id);
void local_apic_count(u32 ticks);   // one shot; 0 stops
u32 local_apic_remaining();

// io_apic.cpp
void io_apic_init();
void io_apic_before_delivery(Cpu& cpu, u32 vector);  // masks the line if it is level triggered

// smp.cpp
void choose_cpus(u32 cpus_max);            // numbers processors from the MADT
void prepare_cpus(MemoryMap& memory);      // memory for all of them
void start_cpus();

// fpu.cpp
void fpu_measure();
void fpu_switch(Cpu& cpu, ThreadContext* to);  // part of switch_thread
bool fpu_trap_fired(Cpu& cpu);                 // #NM: loads the running thread's state; false: not ours
void set_fpu_trap(Cpu& cpu, bool on);

// switch.cpp
void spoil_exit(Cpu& cpu);  // the next exit faults with vector 13

}  // namespace hati::arch
