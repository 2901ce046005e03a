// SPDX-License-Identifier: MIT
// ElfImage on this test's own file, on a hand-made program, and on thousands of damaged copies: whatever the bytes say, a view that parse()
// accepts hands out only what lies inside.
#include "base/elf.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace hati {
namespace {

std::vector<u8> small_program() {
  std::vector<u8> bytes(0x2000);
  elf::Header header{};
  std::memcpy(header.magic,
              "\x7f"
              "ELF",
              4);
  header.file_class = 2;
  header.byte_order = 1;
  header.type = elf::kShared;
  header.machine = elf::kX86_64;
  header.entry = 0x400;
  header.program_offset = 64;
  header.program_entry_bytes = 56;
  header.program_count = 3;
  const elf::ProgramHeader programs[3] = {
      {elf::kLoad, elf::kFlagRead | elf::kFlagExecute, 0, 0, 0, 0x1000, 0x1000, 0x1000},
      {elf::kLoad, elf::kFlagRead | elf::kFlagWrite, 0x1000, 0x3000, 0, 0x800, 0x2800, 0x1000},
      {elf::kInterp, elf::kFlagRead, 0x300, 0x300, 0, 8, 8, 1},
  };
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + 64, programs, sizeof programs);
  std::memcpy(bytes.data() + 0x300, "/lib/ld", 8);
  return bytes;
}

// Touches everything that a loader would touch.
u64 use(const ElfImage& image, usize size) {
  u64 sum = image.first_address() + image.end_address() + image.program_headers_address();
  EXPECT_LT(image.first_address(), image.end_address());
  EXPECT_LE(image.end_address(), ElfImage::kAddressEnd);
  for (u32 i = 0; i < image.program_count(); ++i) {
    const auto segment = image.program(i);
    const auto bytes = image.segment_bytes(segment);
    EXPECT_LE(bytes.size(), size);
    if (!bytes.empty()) sum += bytes.front() + bytes.back();
    if (segment.type == elf::kLoad && segment.memory_bytes != 0) EXPECT_LE(segment.file_bytes, segment.memory_bytes);
  }
  if (const auto text = image.interpreter()) sum += text->size();
  sum += image.dynamic(elf::kRela).value_or(0);
  image.for_each_symbol([&](std::string_view name, const elf::Symbol& symbol) {
    sum += name.size() + symbol.value;
    return true;
  });
  return sum;
}

TEST(Elf, ReadsASmallProgram) {
  const auto bytes = small_program();
  const auto image = ElfImage::parse(bytes);
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->position_independent());
  EXPECT_EQ(image->first_address(), 0u);
  EXPECT_EQ(image->end_address(), 0x6000u);
  EXPECT_EQ(image->program_headers_address(), 64u);
  EXPECT_EQ(*image->interpreter(), "/lib/ld");
}

TEST(Elf, ReadsTheBeginningOfAFile) {
  auto bytes = small_program();
  const u64 size = bytes.size();
  bytes.resize(0x400);
  EXPECT_FALSE(ElfImage::parse(bytes));
  ASSERT_TRUE(ElfImage::parse(bytes, size));
  EXPECT_TRUE(ElfImage::parse(bytes, size)->segment_bytes(ElfImage::parse(bytes, size)->program(1)).empty());
}

TEST(Elf, ReadsThisProgram) {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::vector<u8> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto image = ElfImage::parse(bytes);
  ASSERT_TRUE(image);
  EXPECT_NE(image->interpreter()->find("ld-linux"), std::string_view::npos);
  const auto main_symbol = image->find_symbol("main");
  ASSERT_TRUE(main_symbol);
  EXPECT_EQ(main_symbol->type(), elf::kFunction);
  EXPECT_FALSE(image->find_symbol("no such symbol"));
  use(*image, bytes.size());
}

TEST(Elf, RejectsOverlapAndWrap) {
  const auto with = [](auto change) {
    auto bytes = small_program();
    elf::ProgramHeader second;
    std::memcpy(&second, bytes.data() + 64 + 56, sizeof second);
    change(second);
    std::memcpy(bytes.data() + 64 + 56, &second, sizeof second);
    return ElfImage::parse(bytes).has_value();
  };
  EXPECT_TRUE(with([](auto&) {}));
  EXPECT_FALSE(with([](auto& p) { p.address = 0; }));
  EXPECT_FALSE(with([](auto& p) { p.memory_bytes = ~u64{0} - 0x100; }));
  EXPECT_FALSE(with([](auto& p) { p.address = ~u64{0} & ~u64{0xfff}; }));
  EXPECT_FALSE(with([](auto& p) { p.file_bytes = p.memory_bytes + 1; }));
  EXPECT_FALSE(with([](auto& p) { p.offset = 0x1001; }));
  EXPECT_FALSE(with([](auto& p) { p.offset = ~u64{0} - 0xfff; }));
}

TEST(Elf, SurvivesDamage) {
  const auto good = small_program();
  std::mt19937_64 random(1);
  u32 accepted = 0;
  for (u32 round = 0; round < 200'000; ++round) {
    auto bytes = good;
    for (u32 n = random() % 4 + 1; n != 0; --n) {
      static constexpr u64 kNasty[] = {0, 1, 0x1000, 0xffff, 0x7fff'ffff'ffff'ffff, ~u64{0}, u64{1} << 47};
      const u64 value = random() % 2 != 0 ? kNasty[random() % std::size(kNasty)] : random();
      std::memcpy(bytes.data() + random() % (64 + 3 * 56), &value, random() % 8 + 1);
    }
    if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    if (const auto image = ElfImage::parse(bytes)) {
      use(*image, bytes.size());
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 100u);
}

}  // namespace
}  // namespace hati
