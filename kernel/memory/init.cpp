// SPDX-License-Identifier: MIT
// Takes over the machine's memory at boot, and the zeroed pages that kernel/object's tables are made of.
#include "kernel/boot/boot_info.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/frames.h"
#include "kernel/memory/zero_frame.h"
#include "kernel/object/kernel_pages.h"

namespace hati {

void memory_init(BootInfo& boot) {
  if (!frames.initialize(boot.memory)) panic("memory: no room for the page descriptors of {} MiB", boot.memory.ram_bytes() >> 20);
  const auto zero = frames.allocate(0, FrameFlags::kZeroed | FrameFlags::kKernel);
  if (!zero) panic("memory: nothing is free");
  zero_page_address = *zero;
  log(LogLevel::kInfo, "memory: {} MiB of RAM, {} MiB free", frames.total_bytes() >> 20, frames.free_bytes() >> 20);
}

Result<void*> allocate_kernel_page() { return phys_to_virt(TRY(frames.allocate(0, FrameFlags::kZeroed | FrameFlags::kServer))); }

void free_kernel_page(void* page) { frames.free(virt_to_phys(page)); }

}  // namespace hati
