// SPDX-License-Identifier: MIT
// Resource limits: applying changes (process/limits.cpp).
#pragma once

#include "servers/linux/process/process.h"

namespace hati::linux {

// Tells the kernel of limits it enforces itself (RLIMIT_AS), for a new address space or after a change.
void apply_memory_limits(const Process& process, const Mm& mm);

}  // namespace hati::linux
