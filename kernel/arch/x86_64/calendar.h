// SPDX-License-Identifier: MIT
// Dates of the hardware clock.
#pragma once

#include "base/types.h"

namespace hati::arch {

struct CalendarTime {
  u32 year, month, day, hour, minute, second;  // month and day from 1
};

// UTC; proleptic Gregorian. Fields out of range (a clock without battery) count as the nearest permitted month.
constexpr i64 seconds_since_1970(const CalendarTime& t) {
  const i64 month = t.month < 1 ? 1 : t.month > 12 ? 12 : t.month;
  // Years that begin in March put the leap day at the end: 153 days in each five months from there.
  const i64 year = static_cast<i64>(t.year) - (month <= 2 ? 1 : 0);
  const i64 day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + static_cast<i64>(t.day) - 1;
  const i64 days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719'468;
  return ((days * 24 + t.hour) * 60 + t.minute) * 60 + t.second;
}

static_assert(seconds_since_1970({1970, 1, 1, 0, 0, 0}) == 0);
static_assert(seconds_since_1970({2000, 3, 1, 0, 0, 0}) == 951'868'800);
static_assert(seconds_since_1970({2026, 11, 22, 12, 34, 56}) == 1'795'350'896);

}  // namespace hati::arch
