// SPDX-License-Identifier: MIT
// Time since boot from the time stamp counter, the one-shot timer, and the hardware clock at boot. Constant after clock_start().
#include <algorithm>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/direct_map.h"

extern "C" hati::u64 boot_tsc;  // in the low part of the image: read through the direct map

namespace hati::arch {
namespace {

constexpr u64 kNsPerSecond = 1'000'000'000;
constexpr u32 kShift = 32;

struct Clock {
  u64 tsc_base = 0, multiplier = 0;  // ns = (tsc - base) * multiplier >> kShift
  u64 tsc_hz = 0, apic_hz = 0;
  i64 wall_offset_ns = 0;
};
constinit Clock state{};

u64 convert(u64 value, u64 multiplier) { return static_cast<u64>(static_cast<unsigned __int128>(value) * multiplier >> kShift); }

}  // namespace

u64 now_ns() { return convert(read_tsc() - state.tsc_base, state.multiplier); }
u64 tsc_hz() { return state.tsc_hz; }
i64 wall_offset_ns() { return state.wall_offset_ns; }

void clock_start() {
  const TimerRates rates = calibrate_timers();
  if (rates.tsc_hz < 1'000'000 || rates.apic_hz < 100'000)
    panic("clock: no usable timer (TSC {} Hz, APIC timer {} Hz by {})", rates.tsc_hz, rates.apic_hz, rates.source);
  state.tsc_base = *phys_to_virt<u64>(PhysAddr{reinterpret_cast<u64>(&boot_tsc)});
  state.tsc_hz = rates.tsc_hz;
  state.apic_hz = rates.apic_hz;
  state.multiplier = (kNsPerSecond << kShift) / rates.tsc_hz;
  state.wall_offset_ns = read_hardware_clock() * static_cast<i64>(kNsPerSecond) - static_cast<i64>(now_ns());
  log(LogLevel::kInfo, "clock: TSC {} kHz by {}, APIC timer {} kHz", rates.tsc_hz / 1000, rates.source, rates.apic_hz / 1000);
}

void fill_clock_page(ClockPage& page) {
  page = {.sequence = 0,
          .shift = kShift,
          .multiplier = state.multiplier,
          .tsc_base = state.tsc_base,
          .wall_offset_ns = state.wall_offset_ns,
          .tsc_hz = state.tsc_hz};
}

void arm_timer(Cpu&, u64 deadline_ns) {
  if (deadline_ns == kNever) return local_apic_count(0);
  const u64 now = now_ns();
  // Far deadlines fire early: whoever armed it looks at the clock and arms it again.
  const u64 wait = deadline_ns > now ? std::min(deadline_ns - now, kNsPerSecond) : 0;
  const u64 ticks = wait * (state.apic_hz / 1000) / (kNsPerSecond / 1000) + 1;
  local_apic_count(static_cast<u32>(std::min(ticks, u64{0xffff'ffff})));
}

}  // namespace hati::arch
