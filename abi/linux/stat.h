// SPDX-License-Identifier: MIT
// Linux's structures of stat(2), statx(2), statfs(2), getdents64(2), utimensat(2) on x86-64. Compared with the real headers by
// servers/linux/tests/abi_test.cpp.
#pragma once

#include "base/types.h"

namespace hati::linux {

// struct timespec.
struct UserTimespec {
  i64 seconds;
  i64 nanoseconds;
};
static_assert(sizeof(UserTimespec) == 16);

// struct timeval.
struct UserTimeval {
  i64 seconds;
  i64 microseconds;
};

struct UserStat {
  u64 device;
  u64 inode;
  u64 links;
  u32 mode;
  u32 uid;
  u32 gid;
  u32 padding;
  u64 device_number;
  i64 size;
  i64 block_size;
  i64 blocks;
  UserTimespec access, modify, change;
  i64 unused[3];
};
static_assert(sizeof(UserStat) == 144);

struct UserStatxTime {
  i64 seconds;
  u32 nanoseconds;
  i32 reserved;
};

struct UserStatx {
  u32 mask;
  u32 block_size;
  u64 attributes;
  u32 links;
  u32 uid;
  u32 gid;
  u16 mode;
  u16 padding0;
  u64 inode;
  u64 size;
  u64 blocks;
  u64 attributes_mask;
  UserStatxTime access, birth, change, modify;
  u32 rdev_major, rdev_minor;
  u32 dev_major, dev_minor;
  u64 mount_id;
  u32 direct_io_memory_align, direct_io_offset_align;
  u64 padding1[12];
};
static_assert(sizeof(UserStatx) == 256);

inline constexpr u32 kStatxBasic = 0x7ff;
inline constexpr u32 kStatxBirth = 0x800;
inline constexpr u32 kStatxMountId = 0x1000;
inline constexpr u64 kStatxAttrMountRoot = 0x2000;

struct UserStatfs {
  i64 type;
  i64 block_size;
  u64 blocks, blocks_free, blocks_available;
  u64 files, files_free;
  i32 fs_id[2];
  i64 name_max;
  i64 fragment_size;
  i64 flags;
  i64 spare[4];
};
static_assert(sizeof(UserStatfs) == 120);

// struct linux_dirent64 without the name, which follows at offset 19.
struct [[gnu::packed]] UserDirent64 {
  u64 inode;
  i64 offset;
  u16 bytes;
  u8 type;
};
static_assert(sizeof(UserDirent64) == 19);

// struct linux_dirent without the name (offset 18); the type is in the last byte of the record.
struct [[gnu::packed]] UserDirent {
  u64 inode;
  u64 offset;
  u16 bytes;
};
static_assert(sizeof(UserDirent) == 18);

inline constexpr i64 kUtimeNow = (1 << 30) - 1;
inline constexpr i64 kUtimeOmit = (1 << 30) - 2;

}  // namespace hati::linux
