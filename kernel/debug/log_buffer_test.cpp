// SPDX-License-Identifier: MIT
#include "kernel/debug/log_buffer.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace hati {
namespace {

std::string read_all(const LogBuffer& buffer, u64& position) {
  std::string result;
  char chunk[5];
  while (usize count = buffer.read(position, chunk)) result.append(chunk, count);
  return result;
}

TEST(LogBuffer, ReadsWhatWasWritten) {
  std::array<char, 64> storage;
  LogBuffer buffer(storage);
  buffer.append("one\n");
  u64 position = 0;
  EXPECT_EQ(read_all(buffer, position), "one\n");
  EXPECT_EQ(position, 4u);
  buffer.append("two\n");
  EXPECT_EQ(read_all(buffer, position), "two\n");
  EXPECT_EQ(read_all(buffer, position), "");
}

TEST(LogBuffer, AReaderThatFellBehindStartsAtALine) {
  std::array<char, 16> storage;
  LogBuffer buffer(storage);
  for (const char* line : {"first\n", "second\n", "third\n", "fourth\n"}) buffer.append(line);
  u64 position = 0;
  EXPECT_EQ(read_all(buffer, position), "third\nfourth\n");
  position = ~u64{0};
  EXPECT_EQ(read_all(buffer, position), "") << "a position in the future";
}

TEST(LogBuffer, MovesToLargerStorage) {
  std::array<char, 16> small;
  std::array<char, 64> large;
  LogBuffer buffer(small);
  for (const char* line : {"first\n", "second\n", "third\n"}) buffer.append(line);
  buffer.move_to(large);
  buffer.append("fourth\n");
  u64 position = 6;
  EXPECT_EQ(read_all(buffer, position), "second\nthird\nfourth\n");
}

TEST(LogBuffer, Tail) {
  std::array<char, 64> storage;
  LogBuffer buffer(storage);
  for (const char* line : {"first\n", "second\n", "third\n"}) buffer.append(line);
  u64 position = buffer.tail(2);
  EXPECT_EQ(read_all(buffer, position), "second\nthird\n");
  position = buffer.tail(100);
  EXPECT_EQ(read_all(buffer, position), "first\nsecond\nthird\n");
}

}  // namespace
}  // namespace hati
