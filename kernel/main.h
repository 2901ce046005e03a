// SPDX-License-Identifier: MIT
// The portable part of the boot.
#pragma once

#include "kernel/boot/boot_info.h"

namespace hati {

[[noreturn]] void kernel_main(BootInfo& boot);

}  // namespace hati
