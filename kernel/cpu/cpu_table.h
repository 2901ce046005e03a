// SPDX-License-Identifier: MIT
// For the code that starts processors.
#pragma once

#include "kernel/cpu/cpu.h"

namespace hati {

void set_cpu_count(u32 value);

}  // namespace hati
