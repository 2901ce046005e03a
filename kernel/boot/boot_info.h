// SPDX-License-Identifier: MIT
// What the boot loader left, in the kernel's terms. Built once by kernel/boot on the first processor before memory_init(); its memory
// belongs to the kernel image and stays valid.
#pragma once

#include <string_view>

#include "kernel/boot/command_line.h"
#include "kernel/boot/memory_map.h"
#include "kernel/cpu/cpu.h"

namespace hati {

struct BootInfo {
  // RAM. memory.ram() are all usable ranges as found (for SystemInfo::memory_total and for what may never be mapped as a device);
  // memory.allocate() is the early allocator, memory.free() what is left: memory_init() takes it over and nobody allocates here afterwards.
  // The kernel image, the initrd and the boot page tables are not in free().
  MemoryMap memory;
  PhysRange initrd;  // page aligned outwards; empty if there is none. May be handed to init as physical memory, or freed.
  u64 initrd_bytes = 0;  // its exact size, from initrd.begin + initrd_offset
  u64 initrd_offset = 0;
  std::string_view command_line_text;  // whole, as given; zero terminated behind its end
  CommandLine command_line;
  PhysAddr rsdp;  // 0: unknown
};

// Implemented by the rooms that they name, called in this order by kernel/main.cpp on the first processor.
void memory_init(BootInfo& boot);  // kernel/memory: frames, slabs. Afterwards everything may allocate.
void object_init();  // kernel/object, ipc, thread
void scheduler_init_cpu(Cpu& cpu);  // kernel/thread: on each processor, before it takes its first interrupt
[[noreturn]] void start_first_process(BootInfo& boot);  // kernel/thread: loads init from the initrd, makes it runnable, calls
    // arch::enter_scheduler()

}  // namespace hati
