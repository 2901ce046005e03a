// SPDX-License-Identifier: MIT
// For host tests without kernel/ipc: a clock that stands still unless the test moves it, no timer, no reclaim in the background.
#include "kernel/memory/testing/page_cache_fakes.h"

#include "kernel/memory/frames.h"
#include "kernel/memory/page_cache.h"

namespace hati {

namespace testing {
std::atomic<u64> cache_clock_ns{1'000'000};
std::atomic<u64> cache_deadline_ns{0};
}  // namespace testing

u64 page_cache_now_ns() { return testing::cache_clock_ns; }
void page_cache_arm(u64 deadline_ns) { testing::cache_deadline_ns = deadline_ns; }
void memory_is_low() {}

}  // namespace hati
