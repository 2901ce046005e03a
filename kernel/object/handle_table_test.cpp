// SPDX-License-Identifier: MIT
// Host tests of the handle table: errors told apart, generations, growth, hostile numbers, closing and look-up in parallel.
#include "kernel/object/handle_table.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hati {
namespace {

std::atomic<int> alive{0};
std::atomic<int> closed{0};

class First final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kEvent;
  First() : Object(kType) { ++alive; }
  ~First() override { --alive; }

 private:
  void on_last_handle() override { ++closed; }
  void release_storage() override { delete this; }
};
class Second final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kMemory;
  Second() : Object(kType) {}

 private:
  void release_storage() override { delete this; }
};

HandleValue first(Rights rights = Rights::kAll) { return {Ref<First>::adopt(new First), rights}; }

class HandleTableTest : public ::testing::Test {
 protected:
  void SetUp() override { alive = closed = 0; }
  void TearDown() override { EXPECT_EQ(alive, 0); }
};

TEST_F(HandleTableTest, TellsErrorsApart) {
  HandleTable table;
  const Handle handle = *table.insert(first(Rights::kRead | Rights::kDuplicate));
  EXPECT_TRUE(table.get<First>(handle, Rights::kRead));
  EXPECT_EQ(table.get<First>(handle, Rights::kWrite).error(), Error::kNoRight);
  EXPECT_EQ(table.get<Second>(handle, Rights::kRead).error(), Error::kWrongType);
  EXPECT_EQ(table.get<First>(handle + 1, Rights::kRead).error(), Error::kBadHandle);
  EXPECT_EQ(table.get<First>(0, Rights::kNone).error(), Error::kBadHandle);
  EXPECT_EQ(table.get_any(handle, Rights::kTransfer).error(), Error::kNoRight);
}

TEST_F(HandleTableTest, StaleNumbersAreFoundOut) {
  HandleTable table;
  const Handle before = *table.insert(first());
  ASSERT_TRUE(table.close(before));
  EXPECT_EQ(closed, 1);
  const Handle after = *table.insert(first());
  EXPECT_NE(before, after);  // the same slot, another generation
  EXPECT_EQ(table.get<First>(before, Rights::kNone).error(), Error::kBadHandle);
  EXPECT_EQ(table.close(before).error(), Error::kBadHandle);
  EXPECT_TRUE(table.close(after));
}

TEST_F(HandleTableTest, NoNumberIsAccepted) {
  HandleTable table;
  (void)*table.insert(first());
  for (u64 number = 0; number <= ~u32{0}; number += 65521)
    if (number != 1) EXPECT_FALSE(table.get<First>(static_cast<Handle>(number), Rights::kNone)) << number;
}

TEST_F(HandleTableTest, PagesAreChargedToTheQuota) {
  Quota quota(3 * kPageSize, 0, nullptr);
  {
    HandleTable table;
    table.set_quota(&quota);
    u32 made = 0;
    Result<Handle> last = 0;
    while ((last = table.insert(first()))) ASSERT_LT(++made, 1000u);
    EXPECT_EQ(last.error(), Error::kNoMemory);
    EXPECT_EQ(made, 511u);  // a directory and two pages, without handle 0
    EXPECT_EQ(quota.bytes(), 3 * kPageSize);
  }
  EXPECT_EQ(quota.bytes(), 0u);
}

TEST_F(HandleTableTest, TakeMovesTheCount) {
  HandleTable from, to;
  const Handle handle = *from.insert(first(Rights::kTransfer));
  EXPECT_EQ(from.take(handle, Rights::kDuplicate).error(), Error::kNoRight);
  auto value = from.take(handle, Rights::kTransfer);
  ASSERT_TRUE(value);
  EXPECT_EQ(closed, 0);
  const Handle moved = *to.insert(std::move(*value));
  EXPECT_FALSE(from.get<First>(handle, Rights::kNone));
  EXPECT_TRUE(to.close(moved));
  EXPECT_EQ(closed, 1);
}

TEST_F(HandleTableTest, GrowsToItsLimitAndRefusesMore) {
  HandleTable table;
  const auto object = Ref<First>::adopt(new First);
  u32 count = 0;
  while (table.insert(HandleValue(object, Rights::kRead))) ++count;
  EXPECT_EQ(count, kHandlesMax - 1);
  EXPECT_EQ(table.insert(HandleValue(object, Rights::kRead)).error(), Error::kNoSpace);
  EXPECT_EQ(object->handle_count(), count);
  EXPECT_TRUE(table.close(12345));
  EXPECT_TRUE(table.insert(HandleValue(object, Rights::kRead)));
}

TEST_F(HandleTableTest, ClearWorksInPiecesAndForGood) {
  HandleTable table;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(table.insert(first()));
  EXPECT_FALSE(table.clear(10));
  EXPECT_TRUE(table.clear());
  EXPECT_EQ(closed, 100);
  EXPECT_EQ(table.count(), 0u);
  EXPECT_EQ(table.insert(first()).error(), Error::kNoSpace);
}

TEST_F(HandleTableTest, LookUpsRaceWithCloses) {
  HandleTable table;
  std::atomic<Handle> shared{*table.insert(first())};
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        const auto object = table.get<First>(shared, Rights::kRead);
        if (object) EXPECT_EQ((*object)->type(), ObjectType::kEvent);
      }
    });
  for (int i = 0; i < 5000; ++i) {
    const Handle next = *table.insert(first());
    const Handle before = shared.exchange(next);
    EXPECT_TRUE(table.close(before));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(closed, 5000);
}

}  // namespace
}  // namespace hati
