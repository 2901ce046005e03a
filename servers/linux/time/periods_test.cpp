// SPDX-License-Identifier: MIT
#include "servers/linux/time/periods.h"

#include <gtest/gtest.h>

namespace hati::linux {
namespace {

TEST(Periods, OneShot) {
  u64 deadline = 100;
  EXPECT_EQ(count_periods(deadline, 0, 99), 0u);
  EXPECT_EQ(deadline, 100u);
  EXPECT_EQ(count_periods(deadline, 0, 100), 1u);
  EXPECT_EQ(deadline, kNever);
  EXPECT_EQ(count_periods(deadline, 0, kNsMax), 0u);  // off
}

TEST(Periods, CountsWhatWasMissed) {
  u64 deadline = 100;
  EXPECT_EQ(count_periods(deadline, 10, 100), 1u);
  EXPECT_EQ(deadline, 110u);
  EXPECT_EQ(count_periods(deadline, 10, 109), 0u);
  EXPECT_EQ(count_periods(deadline, 10, 139), 3u);
  EXPECT_EQ(deadline, 140u);
  EXPECT_EQ(count_periods(deadline, 10, 140), 1u);
  EXPECT_EQ(deadline, 150u);
}

TEST(Periods, KeepsThePhaseAndPassesNow) {
  for (const u64 interval : {u64{1}, u64{3}, u64{1'000}, u64{999'999'937}}) {
    u64 deadline = 12'345;
    u64 total = 0;
    for (u64 now = 0; now < 3'000'000'000; now += 123'456'789) {
      total += count_periods(deadline, interval, now);
      EXPECT_GT(deadline, now);
      EXPECT_EQ((deadline - 12'345) % interval, 0u);
      EXPECT_EQ(total, now < 12'345 ? 0 : (now - 12'345) / interval + 1);
    }
  }
}

TEST(Periods, Extremes) {
  u64 deadline = 1;
  EXPECT_EQ(count_periods(deadline, 1, kNsMax), kNsMax);
  EXPECT_EQ(deadline, kNsMax + 1);
  deadline = 5;
  EXPECT_EQ(count_periods(deadline, kNsMax, 5), 1u);
  EXPECT_EQ(deadline, kNsMax + 5);
  EXPECT_EQ(add_saturated(kNsMax, kNsMax), kNsMax);
  EXPECT_EQ(add_saturated(kNever, 1), kNsMax);
  EXPECT_EQ(add_saturated(3, 4), 7u);
}

TEST(Overruns, Saturate) {
  EXPECT_EQ(add_overruns(0, 0), 0);
  EXPECT_EQ(add_overruns(3, 4), 7);
  EXPECT_EQ(add_overruns(0x7fff'fffe, 1), 0x7fff'ffff);
  EXPECT_EQ(add_overruns(0x7fff'ffff, ~u64{0}), 0x7fff'ffff);
}

}  // namespace
}  // namespace hati::linux
