// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/vectors.h"

#include <gtest/gtest.h>

#include <set>

namespace hati::arch {
namespace {

Interrupt* interrupt(usize number) { return reinterpret_cast<Interrupt*>(number * 64); }

TEST(Vectors, TakenOnceAndGivenBack) {
  VectorTable table;
  std::set<u32> vectors;
  for (u32 i = 1; i <= VectorTable::kCount; ++i) {
    const auto vector = table.take({.target = interrupt(i)});
    ASSERT_TRUE(vector);
    EXPECT_TRUE(*vector >= kVectorDeviceFirst && *vector <= kVectorDeviceLast);
    EXPECT_TRUE(vectors.insert(*vector).second);
    EXPECT_EQ(table.lookup(*vector).target, interrupt(i));
  }
  EXPECT_EQ(table.in_use(), VectorTable::kCount);
  EXPECT_EQ(table.take({.target = interrupt(1)}), fail(Error::kNoSpace));
  table.give_back(100);
  table.give_back(100);
  EXPECT_EQ(table.in_use(), VectorTable::kCount - 1);
  EXPECT_EQ(table.lookup(100).target, nullptr);
  EXPECT_EQ(table.take({.target = interrupt(7)}), 100u);
}

TEST(Vectors, LinesAreFoundAndMessagesAreNone) {
  VectorTable table;
  ASSERT_TRUE(table.take({.target = interrupt(1)}));
  const auto line = table.take({.target = interrupt(2), .gsi = 9, .level = true});
  ASSERT_TRUE(line);
  EXPECT_EQ(table.vector_of(9), *line);
  EXPECT_EQ(table.vector_of(10), 0u);
  EXPECT_TRUE(table.lookup(*line).level);
  table.give_back(*line);
  EXPECT_EQ(table.vector_of(9), 0u);
}

TEST(Vectors, NumbersOutsideAreNobodys) {
  VectorTable table;
  for (const u32 vector : {0u, 31u, kVectorDeviceFirst - 1, kVectorTimer, kVectorSpurious, ~0u}) {
    table.give_back(vector);
    EXPECT_EQ(table.lookup(vector).target, nullptr);
  }
  EXPECT_EQ(table.in_use(), 0u);
}

TEST(MessageCpu, WantedElseTheLeastLoaded) {
  const std::array<MessageTarget, 4> cpus{{{5, true}, {2, true}, {0, false}, {VectorTable::kCount, true}}};
  EXPECT_EQ(choose_message_cpu(cpus, 0), 0u);
  EXPECT_EQ(choose_message_cpu(cpus, 2), 1u) << "no message reaches it";
  EXPECT_EQ(choose_message_cpu(cpus, 3), 1u) << "it is full";
  EXPECT_EQ(choose_message_cpu(cpus, ~0u), 1u);
  EXPECT_EQ(choose_message_cpu(std::span(cpus).subspan(2), 0), fail(Error::kNoSpace));
}

}  // namespace
}  // namespace hati::arch
