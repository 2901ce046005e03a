// SPDX-License-Identifier: MIT
// Structures and constants of rseq(2) (uapi linux/rseq.h).
#pragma once

#include "base/types.h"

namespace hati::linux {

// struct rseq as programs register it. The area has 32 bytes.
struct SequenceArea {
  u32 cpu_start;
  u32 cpu;
  u64 section;  // address of a SequenceSection, or 0
  u32 flags;
};
inline constexpr u32 kSequenceAreaBytes = 32;
inline constexpr u64 kSequenceAreaAlign = 32;

// struct rseq_cs.
struct SequenceSection {
  u32 version, flags;
  u64 start, length, abort;
};
static_assert(sizeof(SequenceSection) == 32);

inline constexpr u32 kSequenceUnregister = 1;
inline constexpr u32 kSequenceNoCpu = ~u32{0};  // RSEQ_CPU_ID_UNINITIALIZED

}  // namespace hati::linux
