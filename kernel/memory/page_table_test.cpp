// SPDX-License-Identifier: MIT
// Page tables whose memory remembers every store: after each operation all states in between are replayed, and in each of them every page
// translates as before or as after the operation.
#include "kernel/memory/page_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace hati {
namespace {

struct Store {
  u64 table;
  u32 index;
  u64 value;
};

// Tables by number; retired ones keep their contents, as a processor that still walks them sees it.
struct RecordedMemory {
  std::map<u64, std::array<u64, kTableEntries>> tables;
  std::map<u64, u16> live;
  std::set<u64> retired;
  std::vector<Store> history;
  u64 next = 0x1000;
};

struct RecordingAccess {
  RecordedMemory* memory;
  u64 load(PhysAddr table, u32 index) const { return memory->tables.at(table.value)[index]; }
  void store(PhysAddr table, u32 index, u64 value) const {
    memory->tables.at(table.value)[index] = value;
    memory->history.push_back({table.value, index, value});
  }
  u16& live(PhysAddr table) const { return memory->live[table.value]; }
  Result<PhysAddr> allocate() const {
    const u64 table = memory->next;
    memory->next += kPageSize;
    memory->tables[table] = {};
    return PhysAddr{table};
  }
  void retire(PhysAddr table) const { ASSERT_TRUE(memory->retired.insert(table.value).second); }
};

u64 translate(const std::map<u64, std::array<u64, kTableEntries>>& tables, u64 root, u64 address) {
  u64 table = root;
  for (u32 level = kRootLevel;; --level) {
    const u64 entry = tables.at(table)[level_index(address, level)];
    if (!Pte::Present::is_set(entry)) return 0;
    if (level == 0) return entry;
    if (level == 1 && Pte::Large::is_set(entry)) return (entry & ~Pte::Large::kMask) + (address & (kLargePageSize - 1) & ~(kPageSize - 1));
    table = Pte::frame(entry).value;
  }
}

class PageTableTest : public ::testing::Test {
 protected:
  PageTableTest() { root_ = RecordingAccess{&memory_}.allocate()->value; }

  PageTable<RecordingAccess> table() { return {PhysAddr{root_}, RecordingAccess{&memory_}}; }
  std::map<u64, u64> translations() const {
    std::map<u64, u64> result;
    for (const u64 page : pages_) result[page] = translate(memory_.tables, root_, page);
    return result;
  }

  // Runs an operation and looks at every state on the way.
  template <class F>
  void check(F&& operation) {
    auto past = memory_.tables;
    const auto before = translations();
    memory_.history.clear();
    operation();
    const auto after = translations();
    for (const Store& store : memory_.history) {
      past.try_emplace(store.table);
      past[store.table][store.index] = store.value;
      // A table that is linked must exist: nothing is entered before it is made.
      for (const u64 page : pages_) {
        if (level_index(page, 0) != store.index && level_index(page, 1) != store.index && level_index(page, 2) != store.index) continue;
        for (const auto& [number, contents] : memory_.tables) past.try_emplace(number);
        const u64 now = translate(past, root_, page);
        ASSERT_TRUE(now == before.at(page) || now == after.at(page)) << std::hex << page << " " << now;
      }
    }
  }
  // The counts say what the tables hold, and no retired table is reachable.
  void check_counts(u64 number, u32 level) {
    ASSERT_FALSE(memory_.retired.contains(number));
    u32 used = 0;
    for (const u64 entry : memory_.tables.at(number)) {
      used += entry != 0;
      if (level != 0 && entry != 0 && !Pte::Large::is_set(entry)) check_counts(Pte::frame(entry).value, level - 1);
    }
    ASSERT_EQ(used, memory_.live[number]);
    if (level != kRootLevel) {
      ASSERT_NE(used, 0u);
    }
  }

  RecordedMemory memory_;
  u64 root_ = 0;
  std::vector<u64> pages_;  // that are watched
};

TEST_F(PageTableTest, NeverShowsAThirdTranslation) {
  constexpr u64 kRegions[] = {0x1000'0000, 0x1020'0000, 0x1040'0000, 0x7f00'0000'0000, 0x7f00'4000'0000};
  for (const u64 region : kRegions)
    for (u64 i = 0; i < 512; i += 37) pages_.push_back(region + i * kPageSize);
  std::mt19937_64 random(3);
  const u64 rights[] = {Pte::Present::kMask, Pte::Present::kMask | Pte::Write::kMask, 0};
  for (u32 round = 0; round < 2500; ++round) {
    const u64 region = kRegions[random() % std::size(kRegions)];
    const u64 page = pages_[random() % pages_.size()];
    switch (random() % 5) {
      case 0:
      case 1:
        check([&] {
          auto slot = *table().make(page);
          if (slot.level == 0) table().set(slot, (random() % 1000 << 21) | Pte::Private::kMask | rights[random() % 3]);
        });
        break;
      case 2:
        check([&] {
          auto slot = *table().make(region, 1);
          if (slot.level == 1 && slot.entry == 0) table().set(slot, (random() % 1000 << 21) | Pte::Large::kMask | rights[random() % 2]);
        });
        break;
      case 3:
        check([&] {
          auto slot = table().find(page);
          if (slot.level == 1 && slot.entry != 0) ASSERT_TRUE(table().split(slot));
        });
        break;
      case 4: {
        const bool whole = random() % 4 == 0;
        const u64 start = whole ? region : page, end = whole ? region + kLargePageSize : page + kPageSize;
        check([&] { table().update(start, end, [&](u64, u64 entry, u32 level) -> u64 { return level != 0 && !whole ? entry : 0; }); });
        break;
      }
    }
    if (HasFatalFailure()) FAIL() << "round " << round;
    check_counts(root_, kRootLevel);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(memory_.retired.size(), 50u);
}

TEST_F(PageTableTest, VisitsInOrderAndStops) {
  for (const u64 page : {u64{0x5000}, u64{0x20'0000}, u64{0x7f7f'ffff'f000}}) {
    auto slot = *table().make(page);
    table().set(slot, page | Pte::Present::kMask);
  }
  std::vector<u64> seen;
  table().visit(0, 0x7f80'0000'0000, [&](u64 address, u64, u32) {
    seen.push_back(address);
    return seen.size() < 2;
  });
  EXPECT_EQ(seen, (std::vector<u64>{0x5000, 0x20'0000}));
}

}  // namespace
}  // namespace hati
