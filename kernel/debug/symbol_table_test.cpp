// SPDX-License-Identifier: MIT
#include "kernel/debug/symbol_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace hati {
namespace {

constexpr u64 kBase = 0xffff'ffff'8000'0000;

std::vector<u8> make_table(const std::vector<std::pair<u32, std::string>>& symbols) {
  std::vector<u32> words{SymbolTable::kMagic, static_cast<u32>(symbols.size())};
  std::string names;
  for (const auto& [offset, name] : symbols) {
    words.push_back(offset);
    words.push_back(static_cast<u32>(8 + symbols.size() * 8 + names.size()));
    names += name + '\0';
  }
  std::vector<u8> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  bytes.insert(bytes.end(), names.begin(), names.end());
  return bytes;
}

TEST(SymbolTable, FindsTheFunctionAtOrBelow) {
  const std::vector<u8> data = make_table({{0x1000, "first"}, {0x1100, "second"}, {0x2000, ""}});
  const SymbolTable table(data, kBase);
  EXPECT_EQ(table.find(kBase + 0xfff), std::nullopt);
  EXPECT_EQ(table.find(kBase + 0x1000)->name, "first");
  EXPECT_EQ(table.find(kBase + 0x10ff)->name, "first");
  EXPECT_EQ(table.find(kBase + 0x10ff)->offset, 0xffu);
  EXPECT_EQ(table.find(kBase + 0x1100)->name, "second");
  EXPECT_EQ(table.find(kBase + 0x2000), std::nullopt) << "behind the end of the text";
  EXPECT_EQ(table.find(0x1000), std::nullopt);
}

TEST(SymbolTable, EmptyOrForeignData) {
  const std::vector<u8> zeros(8);
  EXPECT_EQ(SymbolTable({}, kBase).find(kBase), std::nullopt);
  EXPECT_EQ(SymbolTable(zeros, kBase).find(kBase + 5), std::nullopt);
}

TEST(SymbolTable, DamagedTablesAreNotFollowed) {
  const std::vector<u8> good = make_table({{0x1000, "first"}, {0x1100, "second"}, {0x2000, ""}});
  for (usize length = 0; length < good.size(); ++length) {
    const std::vector<u8> cut(good.begin(), good.begin() + static_cast<long>(length));
    SymbolTable(cut, kBase).find(kBase + 0x1180);  // under AddressSanitizer
  }
  for (usize i = 4; i < 32; ++i) {
    std::vector<u8> damaged = good;
    damaged[i] = 0xff;
    SymbolTable(damaged, kBase).find(kBase + 0x1180);
  }
}

}  // namespace
}  // namespace hati
