// SPDX-License-Identifier: MIT
// Facts about the whole system that calls need.
#pragma once

#include "base/types.h"

namespace hati {

u64 page_fault_count();  // since boot, on all CPUs
bool overlaps_ram(u64 address, u64 bytes);  // physical; RAM as found at boot, whoever uses it. The range does not wrap

}  // namespace hati
