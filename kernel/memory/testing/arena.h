// SPDX-License-Identifier: MIT
// For host tests: an mmap'ed arena stands for physical memory, simulated processors for the real ones. One arena per test program, made on
// first use; what tests take they give back. invalidate_* and IPIs are recorded: see `machine`.
#pragma once

#include <array>
#include <atomic>

#include "kernel/arch/arch.h"
#include "kernel/memory/frames.h"

namespace hati::testing {

inline constexpr u64 kArenaBegin = u64{1} << 20;
inline constexpr u64 kArenaBytes = u64{256} << 20;      // given to `frames`
inline constexpr u64 kSpareBegin = kArenaBegin + kArenaBytes;
inline constexpr u64 kSpareBytes = u64{64} << 20;       // for tests that have an allocator of their own

// Sets up physical memory and the global `frames`; idempotent.
void make_arena();

// The simulated machine's side of what kernel/memory asks of arch.
struct Machine {
  u32 cpus = 4;
  std::atomic<u64> invalidated_pages{0}, invalidated_all{0};
  std::array<std::atomic<u64>, kCpusMax> ipis{};  // pending shootdown interrupts
};
extern Machine machine;

// The processor that the calling host thread plays.
void be_cpu(u32 id);

}  // namespace hati::testing
