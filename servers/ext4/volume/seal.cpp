// SPDX-License-Identifier: MIT
#include "servers/ext4/volume/seal.h"

#include <bit>
#include <cstring>

#include "servers/ext4/layout/checksum.h"
#include "servers/ext4/layout/directory.h"

namespace hati::ext4 {

namespace {

std::span<const std::byte> bytes_of(const void* object, usize from, usize to) {
  return std::span(static_cast<const std::byte*>(object) + from, to - from);
}
constexpr u32 kZero = 0;

// Where a block's checksum lies and what it should be.
struct Place {
  u32* at = nullptr;
  u32 value = 0;
};

Place directory_place(const Geometry& geometry, const Buffer& buffer) {
  const usize end = geometry.block_size - sizeof(DirectoryTail);
  auto* tail = buffer.as<DirectoryTail>(end);
  if (tail->zero1 != 0 || tail->length != sizeof(DirectoryTail) || tail->zero2 != 0 || tail->type != kTailType) return {};
  return {&tail->checksum, crc32c(buffer.seed, bytes_of(buffer.data.get(), 0, end))};
}

Place index_place(const Geometry& geometry, const Buffer& buffer) {
  const u32 first = buffer.as<DirectoryEntry>()->length_raw == 12 ? kIndexRootEntries : kIndexNodeEntries;
  const auto count = *buffer.as<IndexCount>(first);
  const usize tail_at = first + usize{count.limit} * sizeof(IndexEntry);
  if (count.count > count.limit || tail_at + sizeof(IndexTail) > geometry.block_size) return {};
  auto* tail = buffer.as<IndexTail>(tail_at);
  u32 value = crc32c(buffer.seed, bytes_of(buffer.data.get(), 0, first + usize{count.count} * sizeof(IndexEntry)));
  value = crc32c_of(crc32c_of(value, tail->reserved), kZero);
  return {&tail->checksum, value};
}

Place extents_place(const Geometry& geometry, const Buffer& buffer) {
  const usize end = sizeof(ExtentHeader) + usize{buffer.as<ExtentHeader>()->capacity} * sizeof(Extent);
  if (end + 4 > geometry.block_size) return {};
  return {buffer.as<u32>(end), crc32c(buffer.seed, bytes_of(buffer.data.get(), 0, end))};
}

Place place(const Geometry& geometry, const Buffer& buffer) {
  switch (buffer.kind) {
    case BlockKind::kSuperblock: {
      auto* super = buffer.as<Superblock>(geometry.block_size > 1024 ? kSuperblockOffset : 0);
      return {&super->checksum, superblock_checksum(*super)};
    }
    case BlockKind::kDirectory: return directory_place(geometry, buffer);
    case BlockKind::kIndexNode: return index_place(geometry, buffer);
    case BlockKind::kExtents: return extents_place(geometry, buffer);
    case BlockKind::kXattr: {
      const std::byte* data = buffer.data.get();
      u32 value = crc32c(crc32c_of(geometry.checksum_seed, buffer.number), bytes_of(data, 0, offsetof(XattrHeader, checksum)));
      value = crc32c(crc32c_of(value, kZero), bytes_of(data, offsetof(XattrHeader, checksum) + 4, geometry.block_size));
      return {&buffer.as<XattrHeader>()->checksum, value};
    }
    case BlockKind::kOrphan: {
      const usize end = geometry.block_size - sizeof(OrphanBlockTail);
      return {&buffer.as<OrphanBlockTail>(end)->checksum,
              crc32c(crc32c_of(buffer.seed, buffer.number), bytes_of(buffer.data.get(), 0, end))};
    }
    default: return {};
  }
}

bool carries(BlockKind kind) {
  return kind == BlockKind::kSuperblock || kind == BlockKind::kDirectory || kind == BlockKind::kIndexNode || kind == BlockKind::kExtents ||
         kind == BlockKind::kXattr || kind == BlockKind::kOrphan;
}

}  // namespace

u32 superblock_checksum(const Superblock& superblock) { return crc32c(~0u, bytes_of(&superblock, 0, offsetof(Superblock, checksum))); }

u16 group_checksum(const Geometry& geometry, const Superblock& superblock, u32 group, const GroupDescriptor& descriptor) {
  constexpr usize kAt = offsetof(GroupDescriptor, checksum);
  if (geometry.checksums) {
    u32 value = crc32c(crc32c_of(geometry.checksum_seed, group), bytes_of(&descriptor, 0, kAt));
    value = crc32c_of(value, u16{0});
    if (geometry.descriptor_size > kAt + 2) value = crc32c(value, bytes_of(&descriptor, kAt + 2, geometry.descriptor_size));
    return static_cast<u16>(value);
  }
  if (!geometry.group_checksums) return 0;
  u16 value = crc16(0xffff, bytes_of(superblock.uuid, 0, sizeof(superblock.uuid)));
  value = crc16(value, bytes_of(&group, 0, sizeof(group)));
  value = crc16(value, bytes_of(&descriptor, 0, kAt));
  if (geometry.descriptor_size > kAt + 2) value = crc16(value, bytes_of(&descriptor, kAt + 2, geometry.descriptor_size));
  return value;
}

bool inode_has(const Geometry& geometry, const Inode* inode, usize end) {
  return geometry.inode_size > kOldInodeSize && kOldInodeSize + inode->extra_size >= end;
}

u32 inode_seed(const Geometry& geometry, u32 number, u32 generation) {
  return crc32c_of(crc32c_of(geometry.checksum_seed, number), generation);
}

u32 inode_checksum(const Geometry& geometry, u32 number, const Inode* inode) {
  constexpr usize kLow = offsetof(Inode, checksum_lo), kHigh = offsetof(Inode, checksum_hi);
  u32 value = crc32c(inode_seed(geometry, number, inode->generation), bytes_of(inode, 0, kLow));
  value = crc32c_of(value, u16{0});
  value = crc32c(value, bytes_of(inode, kLow + 2, kOldInodeSize));
  if (geometry.inode_size == kOldInodeSize) return value & 0xffff;
  value = crc32c(value, bytes_of(inode, kOldInodeSize, kHigh));
  if (!inode_has(geometry, inode, kHigh + 2)) return crc32c(value, bytes_of(inode, kHigh, geometry.inode_size)) & 0xffff;
  value = crc32c_of(value, u16{0});
  return crc32c(value, bytes_of(inode, kHigh + 2, geometry.inode_size));
}

void set_inode_checksum(const Geometry& geometry, u32 number, Inode* inode) {
  if (!geometry.checksums) return;
  const u32 value = inode_checksum(geometry, number, inode);
  inode->checksum_lo = static_cast<u16>(value);
  if (inode_has(geometry, inode, offsetof(Inode, checksum_hi) + 2)) inode->checksum_hi = static_cast<u16>(value >> 16);
}

bool inode_checksum_matches(const Geometry& geometry, u32 number, const Inode* inode) {
  if (!geometry.checksums) return true;
  u32 stored = inode->checksum_lo;
  if (inode_has(geometry, inode, offsetof(Inode, checksum_hi) + 2)) stored |= u32{inode->checksum_hi} << 16;
  return stored == inode_checksum(geometry, number, inode);
}

u32 bitmap_checksum(const Geometry& geometry, const Buffer& bitmap) {
  const u32 bits = bitmap.kind == BlockKind::kBlockBitmap ? geometry.blocks_per_group : geometry.inodes_per_group;
  return crc32c(geometry.checksum_seed, bytes_of(bitmap.data.get(), 0, bits / 8));
}

void seal_block(const Geometry& geometry, const Buffer& buffer) {
  if (!geometry.checksums) return;
  if (const Place found = place(geometry, buffer); found.at != nullptr) *found.at = found.value;
}

bool sealed(const Geometry& geometry, const Buffer& buffer) {
  if (!geometry.checksums || !carries(buffer.kind)) return true;
  const Place found = place(geometry, buffer);
  return found.at != nullptr && *found.at == found.value;
}

}  // namespace hati::ext4
