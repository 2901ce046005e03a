// SPDX-License-Identifier: MIT
// The second [vvar] page, which this server writes and the vDSO in every program reads: what the kernel's ClockPage does not know. Below the
// vDSO's image lie, in this order, the ClockPage and this page. Written by time/vvar.cpp.
#pragma once

#include "base/types.h"

namespace hati::linux {

enum VvarFeatures : u32 {
  kVvarRdpid = 1 << 0,   // the processor can tell its number (IA32_TSC_AUX: number, NUMA node << 12) …
  kVvarRdtscp = 1 << 1,  // … by one of these instructions
};

struct WallClockPage {
  u32 sequence;   // odd while being changed
  u32 features;   // VvarFeatures; constant
  i64 offset_ns;  // CLOCK_REALTIME - CLOCK_MONOTONIC
};

inline constexpr u64 kVvarPages = 2;

}  // namespace hati::linux
