// SPDX-License-Identifier: MIT
// Contents of tmpfs files against a model: writes, holes, truncation, punched holes, limits, seals; and stable positions in directories.
#include <random>

#include "servers/linux/tests/support.h"

namespace hati::linux {
namespace {

using testing::error_of;
using testing::read_text;
using testing::root_of;
using testing::UnmountedTmpfs;
using testing::write_text;

Ref<TmpfsInode> add_file(Tmpfs& tmpfs, const char* name) { return *root_of(tmpfs).add(name, NewNode{.mode = kRegular | 0644u}); }

Task<void> read_back() {
  const UnmountedTmpfs tmpfs;
  const auto file = add_file(*tmpfs, "a");
  EXPECT_EQ(read_text(*file), "");
  EXPECT_EQ(write_text(*file, "hello", 0), 5u);
  EXPECT_EQ(read_text(*file), "hello");
  EXPECT_EQ(write_text(*file, "J", 0), 1u);
  EXPECT_EQ(read_text(*file), "Jello");
  EXPECT_EQ(read_text(*file, 5), "");
  EXPECT_EQ(file->size(), 5u);
  co_return;
}
TEST(Tmpfs, ReadsBackWhatWasWritten) { testing::run(read_back()); }

Task<void> grown_is_zero() {
  const UnmountedTmpfs tmpfs;
  const auto file = add_file(*tmpfs, "a");
  EXPECT_TRUE(write_text(*file, std::string(5000, 'x'), 0));
  EXPECT_TRUE(file->resize(10));
  EXPECT_TRUE(file->resize(6000));
  std::string expected(6000, '\0');
  expected.replace(0, 10, 10, 'x');
  EXPECT_TRUE(read_text(*file) == expected);
  co_return;
}
TEST(Tmpfs, WhatWasCutOffIsZeroAfterGrowing) { testing::run(grown_is_zero()); }

Task<void> random_against_model(u32 seed) {
  std::mt19937 random(seed);
  const UnmountedTmpfs tmpfs;
  const auto file = add_file(*tmpfs, "a");
  std::string model;
  for (int step = 0; step < 400; ++step) {
    const u64 offset = random() % 30000, bytes = random() % 9000 + 1;
    switch (random() % 4) {
      case 0:
      case 1: {
        const std::string text(bytes, static_cast<char>('a' + random() % 26));
        EXPECT_EQ(write_text(*file, text, offset), bytes);
        if (model.size() < offset + bytes) model.resize(offset + bytes, '\0');
        model.replace(offset, bytes, text);
        break;
      }
      case 2:
        EXPECT_TRUE(file->resize(offset));
        model.resize(offset, '\0');
        break;
      default:
        EXPECT_TRUE(file->allocate(3, offset, bytes));
        for (u64 i = offset; i < std::min<u64>(offset + bytes, model.size()); ++i) model[i] = '\0';
    }
    EXPECT_EQ(file->size(), model.size());
    EXPECT_TRUE(read_text(*file) == model) << "step " << step;
    if (::testing::Test::HasFailure()) co_return;
  }
}
TEST(Tmpfs, BehavesAsAModel) {
  for (u32 seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    testing::run(random_against_model(seed));
  }
}

Task<void> limit() {
  const UnmountedTmpfs tmpfs({.size = 4 * kPageSize, .size_given = true});
  const auto first = add_file(*tmpfs, "a");
  const auto second = add_file(*tmpfs, "b");
  EXPECT_EQ(write_text(*first, std::string(3 * kPageSize, 'x'), 0), 3 * kPageSize);
  EXPECT_EQ(write_text(*second, std::string(2 * kPageSize, 'y'), 0), kPageSize);  // as much as fits
  EXPECT_EQ(error_of(write_text(*second, "z", kPageSize)), Errno::kNOSPC);
  EXPECT_EQ(tmpfs->statistics().blocks_free, 0u);
  EXPECT_TRUE(first->resize(0));
  EXPECT_EQ(tmpfs->statistics().blocks_free, 3u);
  EXPECT_EQ(write_text(*second, "z", kPageSize), 1u);
  co_return;
}
TEST(Tmpfs, KeepsItsSizeLimit) { testing::run(limit()); }

Task<void> inode_limit() {
  const UnmountedTmpfs tmpfs({.inodes = 3, .inodes_given = true});
  EXPECT_TRUE(root_of(*tmpfs).add("a", NewNode{.mode = kRegular | 0644u}));
  EXPECT_TRUE(root_of(*tmpfs).add("b", NewNode{.mode = kRegular | 0644u}));
  EXPECT_EQ(error_of(root_of(*tmpfs).add("c", NewNode{.mode = kRegular | 0644u})), Errno::kNOSPC);
  root_of(*tmpfs).remove_now("a");
  EXPECT_TRUE(root_of(*tmpfs).add("c", NewNode{.mode = kRegular | 0644u}));
  co_return;
}
TEST(Tmpfs, KeepsItsInodeLimit) { testing::run(inode_limit()); }

Task<void> seals() {
  const auto inode = make_memory_inode(0600, 0, 0);
  EXPECT_EQ(error_of(inode->add_seals(8)), Errno::kPERM);  // not made for sealing
  inode->allow_sealing();
  EXPECT_TRUE(write_text(*inode, "12345678", 0));
  EXPECT_TRUE(inode->add_seals(4));  // no growing
  EXPECT_EQ(write_text(*inode, "abcd", 6), 2u);
  EXPECT_EQ(error_of(write_text(*inode, "x", 8)), Errno::kPERM);
  EXPECT_EQ(error_of(inode->resize(9)), Errno::kPERM);
  EXPECT_TRUE(inode->resize(4));
  EXPECT_TRUE(inode->add_seals(2));  // no shrinking
  EXPECT_EQ(error_of(inode->resize(3)), Errno::kPERM);
  EXPECT_TRUE(inode->add_seals(8));  // no writing
  EXPECT_EQ(error_of(write_text(*inode, "x", 0)), Errno::kPERM);
  EXPECT_TRUE(inode->add_seals(1));
  EXPECT_EQ(error_of(inode->add_seals(16)), Errno::kPERM);
  EXPECT_EQ(error_of(inode->add_seals(64)), Errno::kINVAL);
  co_return;
}
TEST(Tmpfs, SealsHold) { testing::run(seals()); }

class Names final : public DirectoryEmitter {
 public:
  explicit Names(usize limit) : limit_(limit) {}
  virtual ~Names() = default;
  bool emit(std::string_view name, u64, u8, u64) override {
    if (names.size() >= limit_) return false;
    names.emplace_back(name);
    return true;
  }
  std::vector<std::string> names;

 private:
  const usize limit_;
};

Task<void> read_while_removing() {
  const UnmountedTmpfs tmpfs;
  TmpfsInode& root = root_of(*tmpfs);
  for (int i = 0; i < 50; ++i) (void)root.add("f" + std::to_string(i), NewNode{.mode = kRegular | 0644u});
  const auto directory = Ref<File>::adopt(std::make_unique<File>(u32{kOpenReadOnly}).release());
  usize seen = 0;
  for (;;) {
    Names names(7);
    EXPECT_TRUE(root.iterate(*directory, names));
    if (names.names.empty()) break;
    // rm -r: what was read is removed before reading on; nothing is skipped.
    for (const std::string& name : names.names) {
      if (!name.starts_with("f")) continue;
      root.remove_now(name);
      ++seen;
    }
  }
  EXPECT_EQ(seen, 50u);
  co_return;
}
TEST(Tmpfs, DirectoryPositionsAreStable) { testing::run(read_while_removing()); }

}  // namespace
}  // namespace hati::linux
