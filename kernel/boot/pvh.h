// SPDX-License-Identifier: MIT
// The PVH start info (Xen public headers, arch-x86/hvm/start_info.h): what the loader tells us. Little is believed: counts are bounded.
#pragma once

#include "kernel/boot/boot_info.h"

namespace hati {

// Reads the structure at physical address `start_info` (below 4 GiB, mapped by the boot page tables) into `boot`. The command line is
// copied; the initrd and the kernel image [image) are reserved. Panics if the structure is not one.
void read_pvh_start_info(u32 start_info, PhysRange image, BootInfo& boot);

}  // namespace hati
