// SPDX-License-Identifier: MIT
// Structures and constants against e2fsprogs' headers, where they are installed; checksums and hashes against known values.
#include <gtest/gtest.h>

#include <cstring>

#include "servers/ext4/layout/checksum.h"
#include "servers/ext4/layout/directory.h"
#include "servers/ext4/layout/features.h"
#include "servers/ext4/layout/hash.h"
#include "servers/ext4/layout/inode.h"
#include "servers/ext4/layout/superblock.h"
#include "servers/ext4/tests/support.h"
#include "servers/ext4/volume/intervals.h"

#if __has_include(<ext2fs/ext2_fs.h>)
#include <ext2fs/ext2_fs.h>
#define HAVE_EXT2FS 1
#endif

namespace hati::ext4 {
namespace {

#ifdef HAVE_EXT2FS
#define SAME(ours, field, theirs, name) static_assert(offsetof(ours, field) == offsetof(theirs, name))
static_assert(sizeof(Superblock) == sizeof(ext2_super_block));
SAME(Superblock, magic, ext2_super_block, s_magic);
SAME(Superblock, first_inode, ext2_super_block, s_first_ino);
SAME(Superblock, hash_seed, ext2_super_block, s_hash_seed);
SAME(Superblock, descriptor_size, ext2_super_block, s_desc_size);
SAME(Superblock, blocks_count_hi, ext2_super_block, s_blocks_count_hi);
SAME(Superblock, want_extra_size, ext2_super_block, s_want_extra_isize);
SAME(Superblock, flags, ext2_super_block, s_flags);
SAME(Superblock, error_count, ext2_super_block, s_error_count);
SAME(Superblock, overhead_blocks, ext2_super_block, s_overhead_clusters);
SAME(Superblock, checksum_seed, ext2_super_block, s_checksum_seed);
SAME(Superblock, orphan_file_inode, ext2_super_block, s_orphan_file_inum);
SAME(Superblock, checksum, ext2_super_block, s_checksum);
static_assert(sizeof(GroupDescriptor) == sizeof(ext4_group_desc));
SAME(GroupDescriptor, checksum, ext4_group_desc, bg_checksum);
SAME(GroupDescriptor, inode_bitmap_checksum_hi, ext4_group_desc, bg_inode_bitmap_csum_hi);
static_assert(sizeof(Inode) == sizeof(ext2_inode_large));
SAME(Inode, block, ext2_inode_large, i_block);
SAME(Inode, file_acl_lo, ext2_inode_large, i_file_acl);
SAME(Inode, checksum_hi, ext2_inode_large, i_checksum_hi);
SAME(Inode, birth_extra, ext2_inode_large, i_crtime_extra);
static_assert(kIncompatibleKnown == (EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG |
                                     EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |
                                     EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR));
static_assert(kOrphanPresent == EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT && kMetadataChecksum == EXT4_FEATURE_RO_COMPAT_METADATA_CSUM);
static_assert(kIndexed == EXT2_INDEX_FL && kExtentsFlag == EXT4_EXTENTS_FL && kInlineData == EXT4_INLINE_DATA_FL);
#endif

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(ChecksumTest, KnownValues) {
  EXPECT_EQ(crc32c(~0u, bytes("123456789")), ~0xe3069283u);
  EXPECT_EQ(crc32c(~0u, bytes("")), ~0u);
  EXPECT_EQ(crc16(0xffff, bytes("123456789")), 0x4b37);
}

TEST(FeaturesTest, Names) {
  EXPECT_EQ(incompatible_names(0x10008), "journal_dev encrypt");
  EXPECT_EQ(read_only_names(1u << 20 | 0x200), "bigalloc FEATURE_R20");
}

// debugfs knows the hashes too.
TEST(HashTest, AgreesWithDebugfs) {
  const auto image = testing::make_image("-t ext4", 16 << 10);
  const u32 seed[4] = {0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c};
  static constexpr const char* kNames[] = {"legacy", "half_md4", "tea"};
  for (const std::string name : {"a", "name", "thirty-two characters are a lot !", "\xc3\xa4\xc3\xb6\xc3\xbc",
                                 "a name of more than thirty-two characters, and more"}) {
    for (u32 version = 0; version < 3; ++version) {
      const std::string request =
          std::string("dx_hash -h ") + kNames[version] + " -s 00010203-0405-0607-0809-0a0b0c0d0e0f \"" + name + "\"";
      const std::string answer = testing::debugfs(image, request);
      const auto at = answer.find(" is 0x");
      ASSERT_NE(at, std::string::npos) << answer;
      EXPECT_EQ(std::stoul(answer.substr(at + 4), nullptr, 16), hash_name(name, version, seed).major) << name << " " << answer;
      // Signedness matters beyond ASCII only.
      if (name[0] > 0) EXPECT_EQ(hash_name(name, version, seed), hash_name(name, version + 3, seed));
    }
  }
}

TEST(IntervalsTest, AddAndRemove) {
  Intervals set;
  set.add(10, 20);
  set.add(30, 40);
  set.add(20, 25);
  EXPECT_EQ(set.count(), 25u);
  set.add(24, 31);
  EXPECT_EQ(set.count(), 30u);
  set.remove(15, 18);
  EXPECT_FALSE(set.overlaps(15, 18));
  EXPECT_TRUE(set.overlaps(14, 18));
  EXPECT_EQ(set.first_in(16, 100).from, 18u);
  EXPECT_EQ(set.first_in(0, 12).to, 12u);
  set.remove(0, 100);
  EXPECT_TRUE(set.empty());
}

}  // namespace
}  // namespace hati::ext4
