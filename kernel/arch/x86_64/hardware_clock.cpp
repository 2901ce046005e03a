// SPDX-License-Identifier: MIT
// The battery-backed clock (MC146818 and its relatives), read once at boot.
#include "kernel/arch/x86_64/calendar.h"
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"

namespace hati::arch {
namespace {

constexpr u16 kIndexPort = 0x70, kDataPort = 0x71;
constexpr u8 kSeconds = 0, kMinutes = 2, kHours = 4, kDay = 7, kMonth = 8, kYear = 9, kStatusA = 10, kStatusB = 11;
constexpr u8 kUpdating = 0x80, kBinary = 0x04, k24Hours = 0x02, kPm = 0x80;

u8 read(u8 index) {
  out8(kIndexPort, index);
  return in8(kDataPort);
}

struct Raw {
  u8 seconds, minutes, hours, day, month, year;
  bool operator==(const Raw&) const = default;
};

Raw read_all() {
  for (u32 spins = 0; (read(kStatusA) & kUpdating) != 0 && spins < 100'000; ++spins) relax();
  return {read(kSeconds), read(kMinutes), read(kHours), read(kDay), read(kMonth), read(kYear)};
}

u32 from_bcd(u8 value) { return u32{value} / 16 * 10 + value % 16; }

}  // namespace

i64 read_hardware_clock() {
  Raw raw = read_all();
  for (u32 tries = 0; tries < 4; ++tries) {  // two equal readings: no update in between
    const Raw again = read_all();
    if (again == raw) break;
    raw = again;
  }
  const u8 status = read(kStatusB);
  const auto number = [&](u8 value) { return (status & kBinary) != 0 ? u32{value} : from_bcd(value); };
  u32 hours = number(raw.hours & ~kPm);
  if ((status & k24Hours) == 0) hours = hours % 12 + ((raw.hours & kPm) != 0 ? 12 : 0);
  return seconds_since_1970({2000 + number(raw.year), number(raw.month), number(raw.day), hours, number(raw.minutes), number(raw.seconds)});
}

}  // namespace hati::arch
