// SPDX-License-Identifier: MIT
// Loading inodes, and their fields.
#include "servers/ext4/volume/inodes.h"

#include <cstring>

#include "servers/ext4/volume/blocks.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

Async<InodeRef> load_inode_slot(Volume* volume, u32 number) {
  const Geometry& geometry = volume->geometry;
  if (number == 0 || number > geometry.inodes) co_return failed(Errno::kStale);
  const u32 index = (number - 1) % geometry.inodes_per_group;
  const u64 byte = u64{index} * geometry.inode_size;
  const u64 block = inode_table_at(*volume, geometry.inode_group(number)) + byte / geometry.block_size;
  InodeRef inode{.offset = static_cast<u32>(byte % geometry.block_size), .number = number};
  inode.buffer = CO_TRY(co_await volume->cache.read(block));
  if (inode.buffer->kind == BlockKind::kNone) {
    inode.buffer->kind = BlockKind::kInodeTable;
    inode.buffer->checked = 0;
  }
  if (inode.buffer->kind != BlockKind::kInodeTable) co_return volume->corrupted(number, "an inode table is in use as something else");
  co_return inode;
}

Async<InodeRef> load_inode(Volume* volume, u32 number) {
  const InodeRef inode = CO_TRY(co_await load_inode_slot(volume, number));
  const Geometry& geometry = volume->geometry;
  const u64 slot = u64{1} << inode.offset / geometry.inode_size;
  if ((inode.buffer->checked & slot) == 0) {
    if (inode->mode == 0 && inode->links == 0) co_return failed(Errno::kStale);
    if (geometry.inode_size > kOldInodeSize && (inode->extra_size > geometry.inode_size - kOldInodeSize || inode->extra_size % 4 != 0)) {
      co_return volume->corrupted(number, "bad extra size of an inode");
    }
    if (!inode_checksum_matches(geometry, number, inode.get())) co_return volume->corrupted(number, "wrong checksum of an inode");
    inode.buffer->checked |= slot;
  }
  if (inode->mode == 0) co_return failed(Errno::kStale);
  if ((inode->flags & (kInlineData | kEncrypted | kXattrInode)) != 0)
    co_return volume->corrupted(number, "an inode has flags of a feature that is off");
  co_return inode;
}

u64 inode_size(const Volume& volume, const Inode* inode) {
  const bool wide = is_type(inode, kRegular) || (volume.geometry.incompatible & kLargeDirectory) != 0;
  return (wide ? u64{inode->size_hi} << 32 : 0) | inode->size_lo;
}

void set_inode_size(const Volume& volume, Inode* inode, u64 bytes) {
  inode->size_lo = static_cast<u32>(bytes);
  if (is_type(inode, kRegular) || (volume.geometry.incompatible & kLargeDirectory) != 0) inode->size_hi = static_cast<u32>(bytes >> 32);
}

u64 inode_blocks(const Volume& volume, const Inode* inode) {
  if ((volume.geometry.read_only & kHugeFile) == 0) return inode->blocks_lo;
  const u64 count = u64{inode->blocks_hi} << 32 | inode->blocks_lo;
  return (inode->flags & kHugeFileFlag) != 0 ? count << (volume.geometry.block_bits - 9) : count;
}

void add_inode_blocks(const Volume& volume, Inode* inode, i64 blocks) {
  const bool huge = (volume.geometry.read_only & kHugeFile) != 0;
  const bool units = huge && (inode->flags & kHugeFileFlag) != 0;
  u64 count = (huge ? u64{inode->blocks_hi} << 32 : 0) | inode->blocks_lo;
  count += static_cast<u64>(blocks) << (units ? 0 : volume.geometry.block_bits - 9);
  inode->blocks_lo = static_cast<u32>(count);
  if (huge) inode->blocks_hi = static_cast<u16>(count >> 32);
}

u64 xattr_block(const Inode* inode) { return u64{inode->file_acl_hi} << 32 | inode->file_acl_lo; }
void set_xattr_block(Inode* inode, u64 block) {
  inode->file_acl_lo = static_cast<u32>(block);
  inode->file_acl_hi = static_cast<u16>(block >> 32);
}
u32 inode_uid(const Inode* inode) { return u32{inode->uid_hi} << 16 | inode->uid_lo; }
u32 inode_gid(const Inode* inode) { return u32{inode->gid_hi} << 16 | inode->gid_lo; }
void set_owner(Inode* inode, u32 uid, u32 gid) {
  inode->uid_lo = static_cast<u16>(uid);
  inode->uid_hi = static_cast<u16>(uid >> 16);
  inode->gid_lo = static_cast<u16>(gid);
  inode->gid_hi = static_cast<u16>(gid >> 16);
}

// Small numbers in block[0] as old kernels had them, others in block[1] (new_encode_dev, the same layout as stat's low 32 bits).
u64 inode_device(const Inode* inode) {
  if (inode->block[0] != 0) return (inode->block[0] & 0xff) | u64{inode->block[0] >> 8 & 0xff} << 8;
  const u32 encoded = inode->block[1];
  return (encoded & 0xff) | (encoded & 0xfff00) | (encoded & 0xfff00000);
}
void set_inode_device(Inode* inode, u64 device) {
  const u32 encoded = static_cast<u32>(device);
  const bool small = (encoded & 0xffff0000) == 0;
  inode->block[0] = small ? encoded : 0;
  inode->block[1] = small ? 0 : encoded;
}

u32 block_seed(const Volume& volume, const InodeRef& inode) { return inode_seed(volume.geometry, inode.number, inode->generation); }

namespace {

struct TimePlace {
  usize seconds, extra;  // offsets; extra 0: none
};
TimePlace time_place(TimeField field) {
  switch (field) {
    case TimeField::kAccess: return {offsetof(Inode, atime), offsetof(Inode, atime_extra)};
    case TimeField::kModify: return {offsetof(Inode, mtime), offsetof(Inode, mtime_extra)};
    case TimeField::kChange: return {offsetof(Inode, ctime), offsetof(Inode, ctime_extra)};
    case TimeField::kBirth: return {offsetof(Inode, birth), offsetof(Inode, birth_extra)};
  }
  return {};
}

}  // namespace

// The extra word: two bits that extend the signed seconds beyond 2038, thirty of nanoseconds.
Timestamp inode_time(const Volume& volume, const Inode* inode, TimeField field) {
  const TimePlace place = time_place(field);
  if (field == TimeField::kBirth && !inode_has(volume.geometry, inode, place.seconds + 4)) return {};
  const std::byte* base = reinterpret_cast<const std::byte*>(inode);
  i32 seconds;
  std::memcpy(&seconds, base + place.seconds, 4);
  Timestamp time{.seconds = seconds};
  if (inode_has(volume.geometry, inode, place.extra + 4)) {
    u32 extra;
    std::memcpy(&extra, base + place.extra, 4);
    time.seconds += i64{extra & 3} << 32;
    time.nanoseconds = std::min(extra >> 2, 999'999'999u);
  }
  return time;
}

void set_inode_time(const Volume& volume, Inode* inode, TimeField field, Timestamp time) {
  const TimePlace place = time_place(field);
  const bool has_extra = inode_has(volume.geometry, inode, place.extra + 4);
  if (field == TimeField::kBirth && !has_extra) return;
  const i64 last = has_extra ? (i64{3} << 32) + INT32_MAX : INT32_MAX;
  time.seconds = std::clamp<i64>(time.seconds, INT32_MIN, last);
  std::byte* base = reinterpret_cast<std::byte*>(inode);
  const i32 seconds = static_cast<i32>(time.seconds);
  std::memcpy(base + place.seconds, &seconds, 4);
  if (!has_extra) return;
  const u32 extra = (static_cast<u32>((time.seconds - seconds) >> 32) & 3) | time.nanoseconds << 2;
  std::memcpy(base + place.extra, &extra, 4);
}

}  // namespace hati::ext4
