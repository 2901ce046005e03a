// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "base/types.h"

namespace hati::testing {

extern std::atomic<u64> cache_clock_ns;
extern std::atomic<u64> cache_deadline_ns;  // the last one that was armed

}  // namespace hati::testing
