// SPDX-License-Identifier: MIT
// Reading the clock page (abi/startup.h): a sequence count guards it; without a page, the kernel is asked.
#include "runtime/clock.h"

#include <atomic>

#include "abi/startup.h"
#include "runtime/call.h"
#include "runtime/startup.h"

namespace hati {

namespace {

// Set once before main, then constant; the pages stay mapped for the life of the process.
constinit const ClockPage* page = nullptr;

#if !defined(HATI_HOST_TEST)
[[gnu::constructor(102)]] void map_clock_page() {
  const Handle memory = startup_handle(kStartupClock);
  if (memory == kNoHandle) return;
  const MapRequest request{.bytes = kPageSize, .protection = Protection::kRead, .flags = MapFlags::kShared, .memory = memory,
                           .max_protection = static_cast<u32>(Protection::kRead)};
  if (const auto mapped = call::space_map(kOwnSpace, request)) page = reinterpret_cast<const ClockPage*>(*mapped);
}
#endif

template <class F>
auto read_consistently(const ClockPage& clock, F&& read) {
  const std::atomic_ref sequence(const_cast<u32&>(clock.sequence));
  for (;;) {
    const u32 before = sequence.load(std::memory_order_acquire);
    const auto value = read(clock);
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) == 0 && sequence.load(std::memory_order_relaxed) == before) return value;
  }
}

}  // namespace

const ClockPage* clock_page() { return page; }

u64 now_ns() {
  if (page == nullptr) return call::clock_read(Clock::kMonotonic).value_or(0);
  return read_consistently(*page, [](const ClockPage& clock) {
    const u64 ticks = __builtin_ia32_rdtsc() - clock.tsc_base;
    return static_cast<u64>((static_cast<unsigned __int128>(ticks) * clock.multiplier) >> clock.shift);
  });
}

i64 wall_offset_ns() {
  if (page == nullptr) return static_cast<i64>(call::clock_read(Clock::kWallOffset).value_or(0));
  return read_consistently(*page, [](const ClockPage& clock) { return clock.wall_offset_ns; });
}

}  // namespace hati
