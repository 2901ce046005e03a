// SPDX-License-Identifier: MIT
// How fast the time stamp counter and the APIC timer run: from CPUID if it says so, else counted against the HPET, the ACPI timer or the
// PIT for a few milliseconds.
#include "kernel/arch/x86_64/acpi.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"

namespace hati::arch {
namespace {

constexpr u64 kNsPerSecond = 1'000'000'000, kFsPerSecond = 1'000'000'000'000'000;
constexpr u32 kSamples = 64;
constexpr u64 kWindowNs = 4'000'000;

// A clock of known rate that counts up and wraps at 2^bits.
struct Reference {
  const char* name;
  u64 hz;
  u32 bits;
  u64 (*read)();
};

constinit volatile u32* hpet = nullptr;
constexpr u32 kHpetPeriod = 0x04 / 4, kHpetConfiguration = 0x10 / 4, kHpetCounter = 0xf0 / 4, kHpetEnable = 1;
constexpr u16 kPitChannel2 = 0x42, kPitCommand = 0x43, kPitGate = 0x61;
constexpr u64 kPmTimerHz = 3'579'545, kPitHz = 1'193'182;

u64 read_hpet() { return hpet[kHpetCounter]; }
u64 read_pm_timer() { return in32(acpi().pm_timer_port) & 0xff'ffff; }
u64 read_pit() {  // counts down
  out8(kPitCommand, 0x80);
  const u32 low = in8(kPitChannel2);
  return 0xffff - (low | u32{in8(kPitChannel2)} << 8);
}

bool start_hpet(Reference& out) {
  if (acpi().hpet == 0) return false;
  hpet = static_cast<volatile u32*>(map_device(PhysAddr{acpi().hpet}, 1024));
  const u64 period_fs = hpet[kHpetPeriod];
  if (period_fs == 0 || period_fs > 100'000'000) return false;  // the specification's limit: 100 ns
  hpet[kHpetConfiguration] = hpet[kHpetConfiguration] | kHpetEnable;
  out = {"HPET", kFsPerSecond / period_fs, 32, read_hpet};
  return true;
}

Reference choose_reference() {
  Reference result;
  if (start_hpet(result)) return result;
  if (acpi().pm_timer_port != 0) return {"ACPI timer", kPmTimerHz, 24, read_pm_timer};
  out8(kPitGate, (in8(kPitGate) & ~2) | 1);  // channel 2 counts, the speaker is off
  out8(kPitCommand, 0xb4);                   // channel 2, rate generator
  out8(kPitChannel2, 0xff);
  out8(kPitChannel2, 0xff);
  return {"PIT", kPitHz, 16, read_pit};
}

struct Sample {
  u64 reference, tsc, apic;
};

// The reading with the least delay around it, of a few: being interrupted (or emulated slowly) between the reads would look like drift.
Sample take_sample(const Reference& reference) {
  Sample best{};
  u64 best_delay = ~u64{0};
  for (u32 i = 0; i < kSamples; ++i) {
    const u64 before = read_tsc_ordered();
    const u64 value = reference.read();
    const u64 after = read_tsc_ordered();
    const u64 apic = local_apic_remaining();
    if (after - before >= best_delay) continue;
    best_delay = after - before;
    best = {value, before + (after - before) / 2, apic};
  }
  return best;
}

// counted * hz / ticks with a 128-bit product; 0 if the result has more than 64 bits (the clocks cannot be right then).
u64 rate(u64 counted, u64 reference_ticks, u64 reference_hz) {
  u64 low, high;
  asm("mulq %3" : "=a"(low), "=d"(high) : "a"(counted), "r"(reference_hz) : "cc");
  if (high >= reference_ticks) return 0;
  asm("divq %2" : "+a"(low), "+d"(high) : "r"(reference_ticks) : "cc");
  return low;
}

// CPUID 0x15 (crystal) or the hypervisors' timing leaf; 0: unknown.
u64 tsc_hz_from_cpuid() {
  constexpr u32 kHypervisorBit = 1u << 31, kTimingLeaf = 0x4000'0010;
  if ((cpuid(1).ecx & kHypervisorBit) != 0) {
    const u32 last = cpuid(0x4000'0000).eax;
    if (last >= kTimingLeaf && last < 0x4000'1000) return u64{cpuid(kTimingLeaf).eax} * 1000;
  }
  if (cpuid(0).eax < 0x15) return 0;
  const Cpuid ratio = cpuid(0x15);
  return ratio.eax != 0 && ratio.ecx != 0 ? u64{ratio.ecx} * ratio.ebx / ratio.eax : 0;
}

}  // namespace

TimerRates calibrate_timers() {
  const Reference reference = choose_reference();
  const u64 mask = (u64{1} << reference.bits) - 1;
  const u64 window = reference.hz * kWindowNs / kNsPerSecond;
  local_apic_count(~u32{0});
  const Sample first = take_sample(reference);
  // A reference that does not count must not hang the boot.
  for (u64 spins = 0; ((reference.read() - first.reference) & mask) < window && spins < 50'000'000; ++spins) relax();
  const Sample last = take_sample(reference);
  local_apic_count(0);
  const u64 ticks = (last.reference - first.reference) & mask;
  const u64 known = tsc_hz_from_cpuid();
  if (ticks == 0) return {known, 0, "nothing"};
  return {known != 0 ? known : rate(last.tsc - first.tsc, ticks, reference.hz), rate(first.apic - last.apic, ticks, reference.hz),
          known != 0 ? "CPUID" : reference.name};
}

}  // namespace hati::arch
