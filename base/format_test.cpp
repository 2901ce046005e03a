// SPDX-License-Identifier: MIT
#include "base/format.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace hati {
namespace {

template <class... Args>
std::string text(FormatString<Args...> format, const Args&... args) {
  TextBuffer<256> buffer;
  format_to(buffer, format, args...);
  return std::string(buffer.view());
}

TEST(Format, Integers) {
  EXPECT_EQ(text("{} {} {}", 0, -7, 42u), "0 -7 42");
  EXPECT_EQ(text("{}", std::numeric_limits<i64>::min()), "-9223372036854775808");
  EXPECT_EQ(text("{}", std::numeric_limits<u64>::max()), "18446744073709551615");
  EXPECT_EQ(text("{} {}", u8{200}, i8{-3}), "200 -3");
}

TEST(Format, HexWidthAndFill) {
  EXPECT_EQ(text("{:x} {:#x} {:04x}", 255, 255, 10), "ff 0xff 000a");
  EXPECT_EQ(text("[{:5}] [{:<5}] [{:05}]", 42, 42, -42), "[   42] [42   ] [-0042]");
  EXPECT_EQ(text("{:016x}", u64{0xdeadbeef}), "00000000deadbeef");
  EXPECT_EQ(text("{:x}", -1), "ffffffffffffffff");
}

TEST(Format, Text) {
  const char* none = nullptr;
  EXPECT_EQ(text("{}, {}, {}", "array", std::string_view("view"), none), "array, view, (null)");
  EXPECT_EQ(text("[{:>6}] [{:<6}] [{:2}]", "abc", "abc", "abc"), "[   abc] [abc   ] [abc]");
}

TEST(Format, OtherKinds) {
  enum class Colour : u32 { kBlue = 3 };
  EXPECT_EQ(text("{} {} {} {}", true, 'x', PhysAddr{0x1000}, Colour::kBlue), "true x 0x1000 3");
  EXPECT_EQ(text("{}", reinterpret_cast<const void*>(0x12ab)), "0x12ab");
}

TEST(Format, Braces) { EXPECT_EQ(text("{{{}}} }}{{", 1), "{1} }{"); }

TEST(Format, CutsAtTheEndOfTheBuffer) {
  TextBuffer<4> buffer;
  format_to(buffer, "{}{}", "abc", "def");
  EXPECT_EQ(buffer.view(), "abcd");
  EXPECT_TRUE(buffer.truncated());
  buffer.clear();
  EXPECT_EQ(buffer.view(), "");
  EXPECT_FALSE(buffer.truncated());
}

TEST(Format, LargeWidthsPad) { EXPECT_EQ(text("{:40}", 1).size(), 40u); }

TEST(Format, MissingArgumentsAreVisible) {
  TextBuffer<32> buffer;
  format_arguments(buffer, "a{}b{:x", {});
  EXPECT_EQ(buffer.view(), "a{?}b");
}

}  // namespace
}  // namespace hati
