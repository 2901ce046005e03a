// SPDX-License-Identifier: MIT
// Fields of group descriptors, bits, and bitmaps read or built.
#include <bit>
#include <cstring>

#include "servers/ext4/volume/blocks.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

template <class Low, class High>
u64 join(const Volume& volume, Low low, High high) {
  return volume.geometry.descriptor_size >= 64 ? u64{high} << (8 * sizeof(Low)) | low : low;
}

// Of a group whose bitmap was never written: its own metadata.
void build_bitmap(const Volume& volume, u32 group, std::byte* bitmap) {
  const Geometry& geometry = volume.geometry;
  const u64 first = geometry.group_first(group), end = first + geometry.group_blocks(group);
  for (u64 at = first; at < end;) {
    const auto used = volume.system.first_in(at, end);
    set_bits(bitmap, used.from - first, used.to - used.from, true);
    at = std::max(used.to, at + 1);
  }
}

}  // namespace

u64 find_bit(const std::byte* bitmap, u64 from, u64 to, bool value) {
  while (from < to) {
    u64 word;
    const u64 base = from & ~u64{63};
    std::memcpy(&word, bitmap + base / 8, 8);
    if (!value) word = ~word;
    word &= ~u64{0} << (from - base);
    if (word != 0) return std::min(to, base + static_cast<u64>(std::countr_zero(word)));
    from = base + 64;
  }
  return to;
}

void set_bits(std::byte* bitmap, u64 from, u64 count, bool value) {
  for (u64 bit = from; bit < from + count;) {
    if (bit % 8 == 0 && from + count - bit >= 8) {
      bitmap[bit / 8] = value ? std::byte{0xff} : std::byte{0};
      bit += 8;
    } else {
      const auto mask = static_cast<std::byte>(1u << bit % 8);
      bitmap[bit / 8] = value ? bitmap[bit / 8] | mask : bitmap[bit / 8] & ~mask;
      ++bit;
    }
  }
}

u32 group_free_blocks(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  return static_cast<u32>(
      join(volume, descriptor.free_blocks_lo, volume.geometry.descriptor_size >= 64 ? descriptor.free_blocks_hi : u16{0}));
}
u32 group_free_inodes(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  return static_cast<u32>(
      join(volume, descriptor.free_inodes_lo, volume.geometry.descriptor_size >= 64 ? descriptor.free_inodes_hi : u16{0}));
}
u32 group_used_directories(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  const bool wide = volume.geometry.descriptor_size >= 64;
  return static_cast<u32>(join(volume, descriptor.used_directories_lo, wide ? descriptor.used_directories_hi : u16{0}));
}
u64 block_bitmap_at(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  return join(volume, descriptor.block_bitmap_lo, volume.geometry.descriptor_size >= 64 ? descriptor.block_bitmap_hi : 0u);
}
u64 inode_bitmap_at(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  return join(volume, descriptor.inode_bitmap_lo, volume.geometry.descriptor_size >= 64 ? descriptor.inode_bitmap_hi : 0u);
}
u64 inode_table_at(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  return join(volume, descriptor.inode_table_lo, volume.geometry.descriptor_size >= 64 ? descriptor.inode_table_hi : 0u);
}

Async<BufferRef> block_bitmap(Volume* volume, u32 group) {
  const Geometry& geometry = volume->geometry;
  const GroupDescriptor& descriptor = volume->group(group);
  const u64 at = block_bitmap_at(*volume, group);
  if (geometry.uninit_groups() && (descriptor.flags & kBlockUninit) != 0) {
    BufferRef buffer = volume->cache.find(at);
    if (buffer && buffer->kind == BlockKind::kBlockBitmap && buffer->seed == group) co_return buffer;
    auto made = volume->cache.fresh(at);
    if (!made) co_return volume->corrupted(0, "a block bitmap is in use as something else");
    build_bitmap(*volume, group, (*made)->data.get());
    set_bits((*made)->data.get(), geometry.group_blocks(group), u64{geometry.block_size} * 8 - geometry.group_blocks(group), true);
    (*made)->kind = BlockKind::kBlockBitmap;
    (*made)->seed = group;
    co_return *made;
  }
  const BufferRef buffer = CO_TRY(co_await volume->cache.read(at));
  if (buffer->kind == BlockKind::kBlockBitmap && buffer->seed == group) co_return buffer;
  if (buffer->kind != BlockKind::kNone) co_return volume->corrupted(0, "a block bitmap is in use as something else");
  buffer->kind = BlockKind::kBlockBitmap;
  buffer->seed = group;
  u32 stored = volume->group(group).block_bitmap_checksum_lo;
  if (geometry.descriptor_size >= 64) stored |= u32{volume->group(group).block_bitmap_checksum_hi} << 16;
  const u32 mask = geometry.descriptor_size >= 64 ? ~0u : 0xffff;
  if (geometry.checksums && stored != (bitmap_checksum(geometry, *buffer) & mask)) {
    buffer->kind = BlockKind::kNone;
    co_return volume->corrupted(0, "wrong checksum of a block bitmap");
  }
  co_return buffer;
}

Async<BufferRef> inode_bitmap(Volume* volume, u32 group) {
  const Geometry& geometry = volume->geometry;
  const u64 at = inode_bitmap_at(*volume, group);
  if (geometry.uninit_groups() && (volume->group(group).flags & kInodeUninit) != 0) {
    BufferRef buffer = volume->cache.find(at);
    if (buffer && buffer->kind == BlockKind::kInodeBitmap && buffer->seed == group) co_return buffer;
    auto made = volume->cache.fresh(at);
    if (!made) co_return volume->corrupted(0, "an inode bitmap is in use as something else");
    set_bits((*made)->data.get(), geometry.inodes_per_group, u64{geometry.block_size} * 8 - geometry.inodes_per_group, true);
    (*made)->kind = BlockKind::kInodeBitmap;
    (*made)->seed = group;
    co_return *made;
  }
  const BufferRef buffer = CO_TRY(co_await volume->cache.read(at));
  if (buffer->kind == BlockKind::kInodeBitmap && buffer->seed == group) co_return buffer;
  if (buffer->kind != BlockKind::kNone) co_return volume->corrupted(0, "an inode bitmap is in use as something else");
  buffer->kind = BlockKind::kInodeBitmap;
  buffer->seed = group;
  u32 stored = volume->group(group).inode_bitmap_checksum_lo;
  if (geometry.descriptor_size >= 64) stored |= u32{volume->group(group).inode_bitmap_checksum_hi} << 16;
  const u32 mask = geometry.descriptor_size >= 64 ? ~0u : 0xffff;
  if (geometry.checksums && stored != (bitmap_checksum(geometry, *buffer) & mask)) {
    buffer->kind = BlockKind::kNone;
    co_return volume->corrupted(0, "wrong checksum of an inode bitmap");
  }
  co_return buffer;
}

}  // namespace hati::ext4
