// SPDX-License-Identifier: MIT
// Directory blocks, hash tree nodes and extended attributes on the disk. Source: Documentation/filesystems/ext4 (directory.rst, attributes.rst).
#pragma once

#include <cstddef>

#include "base/types.h"

namespace hati::ext4 {

inline constexpr u32 kNameMax = 255;

// Followed by the name. Without the file type feature, `type` is the high byte of the name's length (always 0).
struct DirectoryEntry {
  u32 inode;
  u16 length_raw;
  u8 name_length;
  u8 type;
};
static_assert(sizeof(DirectoryEntry) == 8);
enum EntryType : u8 { kTypeUnknown, kTypeRegular, kTypeDirectory, kTypeCharacter, kTypeBlock, kTypeFifo, kTypeSocket, kTypeSymlink };

// The last 12 bytes of a leaf with metadata checksums; looks like an empty entry.
struct DirectoryTail {
  u32 zero1;
  u16 length;  // 12
  u8 zero2;
  u8 type;  // kTailType
  u32 checksum;
};
inline constexpr u8 kTailType = 0xde;
static_assert(sizeof(DirectoryTail) == 12);

constexpr u32 entry_bytes(u32 name_length) { return (8 + name_length + 3) & ~3u; }

// Behind the entries "." and ".." in the first block of an indexed directory.
struct IndexRootInfo {
  u32 zero;
  u8 hash_version;
  u8 info_length;  // 8
  u8 levels;  // of nodes below the root; 0: the root points to leaves
  u8 flags;
};
inline constexpr u32 kIndexRootInfo = 24;  // where it lies
inline constexpr u32 kIndexRootEntries = 32;  // where the root's entries begin
inline constexpr u32 kIndexNodeEntries = 8;

struct IndexEntry {
  u32 hash;  // the first entry's place holds IndexCount
  u32 block;  // logical block of the directory; 28 bits
};
struct IndexCount {
  u16 limit;
  u16 count;
};
struct IndexTail {
  u32 reserved;
  u32 checksum;
};
static_assert(sizeof(IndexRootInfo) == 8 && sizeof(IndexEntry) == 8 && sizeof(IndexTail) == 8);

inline constexpr u32 kXattrMagic = 0xea020000;
struct XattrHeader {
  u32 magic;
  u32 references;
  u32 blocks;
  u32 hash;
  u32 checksum;
  u32 reserved[3];
};
struct XattrEntry {
  u8 name_length;
  u8 name_index;
  u16 value_offset;
  u32 value_inode;
  u32 value_size;
  u32 hash;
};
static_assert(sizeof(XattrHeader) == 32 && sizeof(XattrEntry) == 16 && offsetof(XattrHeader, checksum) == 16);

}  // namespace hati::ext4
