// SPDX-License-Identifier: MIT
// For host tests of ipc and threads: see arch_fakes.cpp.
#pragma once

#include <atomic>

#include "kernel/boot/boot_info.h"
#include "kernel/memory/testing/arena.h"

namespace hati::testing {

extern std::atomic<u64> clock_ns;
void start_processors(u32 count);  // once; with the arena

}  // namespace hati::testing
