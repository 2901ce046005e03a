// SPDX-License-Identifier: MIT
// Inodes, extents and the orphan file's blocks on the disk. Source: Documentation/filesystems/ext4 (inodes.rst, ifork.rst, orphan.rst).
#pragma once

#include <cstddef>

#include "base/types.h"

namespace hati::ext4 {

enum ModeBits : u16 {
  kTypeMask = 0xf000,
  kFifo = 0x1000,
  kCharacterDevice = 0x2000,
  kDirectoryMode = 0x4000,
  kBlockDeviceMode = 0x6000,
  kRegular = 0x8000,
  kSymlinkMode = 0xa000,
  kSocket = 0xc000,
};
enum InodeFlags : u32 {
  kImmutable = 0x10,
  kAppendOnly = 0x20,
  kEncrypted = 0x800,
  kIndexed = 0x1000,
  kHugeFileFlag = 0x40000,
  kExtentsFlag = 0x80000,
  kVerity = 0x100000,
  kXattrInode = 0x200000,
  kInlineData = 0x10000000,
  kInherited =
      0x1 | 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x400,  // what a new inode takes from its directory (secrm, unrm, compr, sync, nodump, noatime)
};

inline constexpr u32 kOldInodeSize = 128;
inline constexpr u32 kLinksMax = 65000;

struct Inode {
  u16 mode;
  u16 uid_lo;
  u32 size_lo;
  u32 atime;
  u32 ctime;
  u32 mtime;
  u32 dtime;  // time of deletion; while on the orphan list: the next inode there
  u16 gid_lo;
  u16 links;
  u32 blocks_lo;
  u32 flags;
  u32 version_lo;
  u32 block[15];
  u32 generation;
  u32 file_acl_lo;
  u32 size_hi;
  u32 fragment;
  u16 blocks_hi;
  u16 file_acl_hi;
  u16 uid_hi;
  u16 gid_hi;
  u16 checksum_lo;
  u16 reserved;
  // Beyond 128 bytes: a field exists if 128 + extra_size reaches its end.
  u16 extra_size;
  u16 checksum_hi;
  u32 ctime_extra;
  u32 mtime_extra;
  u32 atime_extra;
  u32 birth;
  u32 birth_extra;
  u32 version_hi;
  u32 project;
};
static_assert(sizeof(Inode) == 160);
static_assert(offsetof(Inode, block) == 0x28 && offsetof(Inode, checksum_lo) == 0x7c && offsetof(Inode, extra_size) == 0x80);
static_assert(offsetof(Inode, birth) == 0x90 && offsetof(Inode, project) == 0x9c);

inline constexpr u16 kExtentMagic = 0xf30a;
inline constexpr u32 kExtentDepthMax = 5;
inline constexpr u32 kExtentLengthMax = 32768;  // longer: unwritten, and the length is what is above

struct ExtentHeader {
  u16 magic;
  u16 entries;
  u16 capacity;
  u16 depth;
  u32 generation;
};
struct Extent {
  u32 logical;
  u16 length_raw;
  u16 start_hi;
  u32 start_lo;

  bool unwritten() const { return length_raw > kExtentLengthMax; }
  u32 length() const { return unwritten() ? length_raw - kExtentLengthMax : length_raw; }
  u64 start() const { return u64{start_hi} << 32 | start_lo; }
  u64 end() const { return u64{logical} + length(); }
  void set(u64 logical_block, u64 physical, u32 blocks, bool is_unwritten) {
    logical = static_cast<u32>(logical_block);
    length_raw = static_cast<u16>(blocks + (is_unwritten ? kExtentLengthMax : 0));
    start_hi = static_cast<u16>(physical >> 32);
    start_lo = static_cast<u32>(physical);
  }
};
struct ExtentIndex {
  u32 logical;
  u32 child_lo;
  u16 child_hi;
  u16 unused;

  u64 child() const { return u64{child_hi} << 32 | child_lo; }
  void set(u64 logical_block, u64 physical) {
    logical = static_cast<u32>(logical_block);
    child_lo = static_cast<u32>(physical);
    child_hi = static_cast<u16>(physical >> 32);
    unused = 0;
  }
};
static_assert(sizeof(ExtentHeader) == 12 && sizeof(Extent) == 12 && sizeof(ExtentIndex) == 12);

inline constexpr u32 kOrphanBlockMagic = 0x0b10ca04;
struct OrphanBlockTail {
  u32 magic;
  u32 checksum;
};

}  // namespace hati::ext4
