// SPDX-License-Identifier: MIT
// The superblock and the group descriptors, as they lie on the disk (little endian), and the feature bits.
// Source: the kernel's Documentation/filesystems/ext4 (super.rst, group_descr.rst).
#pragma once

#include <cstddef>

#include "base/types.h"

namespace hati::ext4 {

inline constexpr u16 kMagic = 0xef53;
inline constexpr u64 kSuperblockOffset = 1024;
inline constexpr u32 kRootInode = 2;
inline constexpr u32 kJournalInode = 8;

enum Compatible : u32 { kHasJournal = 0x4, kDirIndex = 0x20, kFastCommit = 0x400, kOrphanFile = 0x1000, kSparseSuper2 = 0x200 };
enum Incompatible : u32 {
  kFileType = 0x2,
  kNeedsRecovery = 0x4,
  kJournalDevice = 0x8,
  kMetaBlockGroups = 0x10,
  kExtents = 0x40,
  k64Bit = 0x80,
  kFlexGroups = 0x200,
  kChecksumSeed = 0x2000,
  kLargeDirectory = 0x4000,
};
enum ReadOnlyCompatible : u32 {
  kSparseSuper = 0x1,
  kLargeFile = 0x2,
  kBtreeDirectory = 0x4,
  kHugeFile = 0x8,
  kGroupChecksum = 0x10,
  kDirectoryLinks = 0x20,
  kExtraInodeSize = 0x40,
  kBigAlloc = 0x200,
  kMetadataChecksum = 0x400,
  kOrphanPresent = 0x10000,
};
inline constexpr u32 kIncompatibleKnown =
    kFileType | kNeedsRecovery | kMetaBlockGroups | kExtents | k64Bit | kFlexGroups | kChecksumSeed | kLargeDirectory;
inline constexpr u32 kReadOnlyKnown = kSparseSuper | kLargeFile | kBtreeDirectory | kHugeFile | kGroupChecksum | kDirectoryLinks |
                                      kExtraInodeSize | kMetadataChecksum | kOrphanPresent;

enum SuperblockState : u16 { kStateValid = 1, kStateErrors = 2, kStateOrphans = 4 };
enum class OnError : u16 { kContinue = 1, kRemountReadOnly = 2, kPanic = 3 };
enum SuperblockFlags : u32 { kSignedHash = 1, kUnsignedHash = 2 };

struct Superblock {
  u32 inodes_count;
  u32 blocks_count_lo;
  u32 reserved_blocks_lo;
  u32 free_blocks_lo;
  u32 free_inodes;
  u32 first_data_block;
  u32 log_block_size;
  u32 log_cluster_size;
  u32 blocks_per_group;
  u32 clusters_per_group;
  u32 inodes_per_group;
  u32 mount_time;
  u32 write_time;
  u16 mount_count;
  u16 max_mount_count;
  u16 magic;
  u16 state;
  u16 errors;
  u16 minor_revision;
  u32 last_check;
  u32 check_interval;
  u32 creator_os;
  u32 revision;
  u16 reserved_uid;
  u16 reserved_gid;
  u32 first_inode;
  u16 inode_size;
  u16 block_group_number;
  u32 compatible;
  u32 incompatible;
  u32 read_only_compatible;
  u8 uuid[16];
  char volume_name[16];
  char last_mounted[64];
  u32 algorithm_bitmap;
  u8 prealloc_blocks;
  u8 prealloc_dir_blocks;
  u16 reserved_gdt_blocks;
  u8 journal_uuid[16];
  u32 journal_inode;
  u32 journal_device;
  u32 last_orphan;
  u32 hash_seed[4];
  u8 hash_version;
  u8 journal_backup_type;
  u16 descriptor_size;
  u32 default_mount_options;
  u32 first_meta_block_group;
  u32 mkfs_time;
  u32 journal_blocks[17];
  u32 blocks_count_hi;
  u32 reserved_blocks_hi;
  u32 free_blocks_hi;
  u16 min_extra_size;
  u16 want_extra_size;
  u32 flags;
  u16 raid_stride;
  u16 mmp_interval;
  u64 mmp_block;
  u32 raid_stripe_width;
  u8 log_groups_per_flex;
  u8 checksum_type;
  u16 reserved_pad;
  u64 kbytes_written;
  u32 snapshot_inode;
  u32 snapshot_id;
  u64 snapshot_reserved;
  u32 snapshot_list;
  u32 error_count;
  u32 first_error_time;
  u32 first_error_inode;
  u64 first_error_block;
  u8 first_error_function[32];
  u32 first_error_line;
  u32 last_error_time;
  u32 last_error_inode;
  u32 last_error_line;
  u64 last_error_block;
  u8 last_error_function[32];
  char mount_options[64];
  u32 user_quota_inode;
  u32 group_quota_inode;
  u32 overhead_blocks;
  u32 backup_groups[2];
  u8 encryption_algorithms[4];
  u8 encryption_salt[16];
  u32 lost_found_inode;
  u32 project_quota_inode;
  u32 checksum_seed;
  u8 time_hi[6];  // of write, mount, mkfs, last check, first and last error
  u8 first_error_code;
  u8 last_error_code;
  u16 encoding;
  u16 encoding_flags;
  u32 orphan_file_inode;
  u32 reserved[94];
  u32 checksum;
};
static_assert(sizeof(Superblock) == 1024);
static_assert(offsetof(Superblock, magic) == 0x38 && offsetof(Superblock, uuid) == 0x68 && offsetof(Superblock, last_orphan) == 0xe8);
static_assert(offsetof(Superblock, blocks_count_hi) == 0x150 && offsetof(Superblock, mmp_block) == 0x168);
static_assert(offsetof(Superblock, error_count) == 0x194 && offsetof(Superblock, checksum_seed) == 0x270);
static_assert(offsetof(Superblock, orphan_file_inode) == 0x280 && offsetof(Superblock, checksum) == 0x3fc);

enum GroupFlags : u16 { kInodeUninit = 1, kBlockUninit = 2, kInodeZeroed = 4 };

// 32 bytes on old file systems; the fields from block_bitmap_hi on exist if descriptor_size is at least 64.
struct GroupDescriptor {
  u32 block_bitmap_lo;
  u32 inode_bitmap_lo;
  u32 inode_table_lo;
  u16 free_blocks_lo;
  u16 free_inodes_lo;
  u16 used_directories_lo;
  u16 flags;
  u32 exclude_bitmap_lo;
  u16 block_bitmap_checksum_lo;
  u16 inode_bitmap_checksum_lo;
  u16 unused_inodes_lo;
  u16 checksum;
  u32 block_bitmap_hi;
  u32 inode_bitmap_hi;
  u32 inode_table_hi;
  u16 free_blocks_hi;
  u16 free_inodes_hi;
  u16 used_directories_hi;
  u16 unused_inodes_hi;
  u32 exclude_bitmap_hi;
  u16 block_bitmap_checksum_hi;
  u16 inode_bitmap_checksum_hi;
  u32 reserved;
};
static_assert(sizeof(GroupDescriptor) == 64);
static_assert(offsetof(GroupDescriptor, flags) == 0x12 && offsetof(GroupDescriptor, checksum) == 0x1e);
static_assert(offsetof(GroupDescriptor, unused_inodes_hi) == 0x32 && offsetof(GroupDescriptor, block_bitmap_checksum_hi) == 0x38);

}  // namespace hati::ext4
