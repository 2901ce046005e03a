// SPDX-License-Identifier: MIT
#include "base/bits.h"

#include <gtest/gtest.h>

namespace hati {
namespace {

struct Control : Register<u32> {
  using Enable = Field<0, 1>;
  using Speed = Field<4, 3>;
  using Top = Field<31, 1>;
};
struct Wide : Register<u64> {
  using All = Field<0, 64>;
};

enum class Colours : u32 { kNone = 0, kRed = 1, kGreen = 2, kBlue = 4 };
HATI_FLAGS(Colours)

TEST(Bits, GetAndSet) {
  EXPECT_EQ(Control::Speed::kMask, 0x70u);
  EXPECT_EQ(Control::Speed::get(0xffff'ffdf), 5u);
  EXPECT_EQ(Control::Speed::set(0xffff'ffff, 2), 0xffff'ffafu);
  EXPECT_EQ(Control::Speed::set(0, 0xff), 0x70u) << "values are cut to the field";
  EXPECT_TRUE(Control::Enable::is_set(1));
  EXPECT_FALSE(Control::Enable::is_set(2));
  EXPECT_EQ(Control::Top::make(1), 0x8000'0000u);
}

TEST(Bits, AFieldMayBeTheWholeWord) {
  EXPECT_EQ(Wide::All::kMask, ~u64{0});
  EXPECT_EQ(Wide::All::set(5, 7), 7u);
}

TEST(Bits, Flags) {
  Colours both = Colours::kRed;
  both |= Colours::kBlue;
  EXPECT_EQ(both, Colours::kRed | Colours::kBlue);
  EXPECT_TRUE(has(both, Colours::kRed));
  EXPECT_FALSE(has(both, Colours::kRed | Colours::kGreen));
  EXPECT_TRUE(has(both, Colours::kNone));
  EXPECT_EQ(both & ~Colours::kRed, Colours::kBlue);
}

TEST(Types, PagesRound) {
  EXPECT_EQ(page_floor(0x1fff), 0x1000u);
  EXPECT_EQ(page_ceil(0x1001), 0x2000u);
  EXPECT_EQ(page_ceil(0x1000), 0x1000u);
  EXPECT_TRUE(page_aligned(0));
  EXPECT_FALSE(page_aligned(1));
}

}  // namespace
}  // namespace hati
