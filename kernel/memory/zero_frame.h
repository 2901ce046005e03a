// SPDX-License-Identifier: MIT
// The one frame of zeroes that stands in, read-only, for anonymous pages that were read before they were written. Never freed, never
// counted.
#pragma once

#include "base/types.h"

namespace hati {

inline constinit PhysAddr zero_page_address{};
inline PhysAddr zero_page() { return zero_page_address; }

}  // namespace hati
