// SPDX-License-Identifier: MIT
// Allocating and freeing inodes; the orphan list.
#include <cstring>
#include <unordered_set>

#include "servers/ext4/volume/blocks.h"
#include "servers/ext4/volume/inodes.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

u32 unused_inodes(const Volume& volume, u32 group) {
  const GroupDescriptor& descriptor = volume.group(group);
  return descriptor.unused_inodes_lo | (volume.geometry.descriptor_size >= 64 ? u32{descriptor.unused_inodes_hi} << 16 : 0);
}

// Directories of the root spread out, everything else stays near its parent.
u32 first_group(const Volume& volume, const NewInode& wanted) {
  const Geometry& geometry = volume.geometry;
  const u32 parent = geometry.inode_group(wanted.parent);
  if ((wanted.mode & kTypeMask) != kDirectoryMode || wanted.parent != kRootInode) return parent;
  u32 best = parent;
  for (u32 group = 0; group < geometry.groups; ++group) {
    if (group_free_inodes(volume, group) == 0) continue;
    const bool emptier = group_used_directories(volume, group) < group_used_directories(volume, best) &&
                         group_free_blocks(volume, group) * u64{2} > geometry.blocks_per_group;
    if (emptier) best = group;
  }
  return best;
}

// The counters of a group for an inode that is taken (change -1) or freed (+1).
void count_inode(Operation* operation, u32 group, i32 change, bool directory) {
  Volume& volume = operation->volume;
  const bool wide = volume.geometry.descriptor_size >= 64;
  const u32 free = group_free_inodes(volume, group) + static_cast<u32>(change);
  const u32 directories = group_used_directories(volume, group) - static_cast<u32>(directory ? change : 0);
  GroupDescriptor* descriptor = operation->group(group);
  descriptor->free_inodes_lo = static_cast<u16>(free);
  descriptor->used_directories_lo = static_cast<u16>(directories);
  if (wide) {
    descriptor->free_inodes_hi = static_cast<u16>(free >> 16);
    descriptor->used_directories_hi = static_cast<u16>(directories >> 16);
  }
  operation->superblock()->free_inodes += static_cast<u32>(change);
}

// The table of a group may hold rubbish behind the inodes used so far: zeroes up to and with `index`.
Async<void> extend_table(Operation* operation, u32 group, u32 index) {
  Volume& volume = operation->volume;
  const Geometry& geometry = volume.geometry;
  if (!geometry.uninit_groups()) co_return Outcome<void>{};
  const u32 unused = std::min(unused_inodes(volume, group), geometry.inodes_per_group);
  const u32 used = (volume.group(group).flags & kInodeUninit) != 0 ? 0 : geometry.inodes_per_group - unused;
  for (u32 i = used; i <= index; ++i) {
    const InodeRef slot = CO_TRY(co_await load_inode_slot(&volume, group * geometry.inodes_per_group + i + 1));
    operation->modify(slot.buffer);
    std::memset(slot.buffer->as<std::byte>(slot.offset), 0, geometry.inode_size);
  }
  GroupDescriptor* descriptor = operation->group(group);
  if (index >= used) {
    const u32 left = geometry.inodes_per_group - index - 1;
    descriptor->unused_inodes_lo = static_cast<u16>(left);
    if (geometry.descriptor_size >= 64) descriptor->unused_inodes_hi = static_cast<u16>(left >> 16);
  }
  descriptor->flags &= static_cast<u16>(~kInodeUninit);
  co_return Outcome<void>{};
}

void initialize(const Volume& volume, Inode* inode, const NewInode& wanted, u32 generation) {
  std::memset(static_cast<void*>(inode), 0, volume.geometry.inode_size);
  inode->mode = wanted.mode;
  inode->links = 1;
  inode->flags = wanted.flags;
  inode->generation = generation;
  set_owner(inode, wanted.uid, wanted.gid);
  if (volume.geometry.inode_size > kOldInodeSize) {
    const u32 room = volume.geometry.inode_size - kOldInodeSize;
    const u32 wish = volume.superblock().want_extra_size;
    inode->extra_size = static_cast<u16>(wish >= 4 && wish <= room && wish % 4 == 0 ? wish : std::min<u32>(32, room));
  }
  for (const TimeField field : {TimeField::kAccess, TimeField::kModify, TimeField::kChange, TimeField::kBirth}) {
    set_inode_time(volume, inode, field, wanted.now);
  }
  const u16 type = wanted.mode & kTypeMask;
  const bool mapped = type == kRegular || type == kDirectoryMode;
  if (mapped && (volume.geometry.incompatible & kExtents) != 0) {
    inode->flags |= kExtentsFlag;
    const ExtentHeader header{.magic = kExtentMagic, .entries = 0, .capacity = 4, .depth = 0, .generation = 0};
    std::memcpy(inode->block, &header, sizeof(header));
  }
}

}  // namespace

Async<InodeRef> allocate_inode(Operation* operation, NewInode wanted) {
  Volume& volume = operation->volume;
  const Geometry& geometry = volume.geometry;
  const u32 first = first_group(volume, wanted);
  for (u32 i = 0; i < geometry.groups; ++i) {
    const u32 group = (first + i) % geometry.groups;
    if (group_free_inodes(volume, group) == 0) continue;
    const BufferRef bitmap = CO_TRY(co_await inode_bitmap(&volume, group));
    const u64 from = group == 0 ? geometry.first_inode - 1 : 0;
    const u32 index = static_cast<u32>(find_bit(bitmap->data.get(), from, geometry.inodes_per_group, false));
    if (index >= geometry.inodes_per_group) continue;
    const u32 number = group * geometry.inodes_per_group + index + 1;
    if (number > geometry.inodes) continue;
    if (!volume.renew_node(number)) co_return volume.corrupted(number, "an inode in use is marked free");
    operation->modify(bitmap);
    set_bits(bitmap->data.get(), index, 1, true);
    CO_TRY(co_await extend_table(operation, group, index));
    count_inode(operation, group, -1, (wanted.mode & kTypeMask) == kDirectoryMode);
    const InodeRef inode = CO_TRY(co_await load_inode_slot(&volume, number));
    initialize(volume, operation->modify(inode), wanted, ++volume.generation * 2654435761u);
    inode.buffer->checked |= u64{1} << inode.offset / geometry.inode_size;
    co_return inode;
  }
  co_return failed(Errno::kNoSpace);
}

Async<void> free_inode(Operation* operation, InodeRef inode, Timestamp now) {
  Volume& volume = operation->volume;
  const u32 group = volume.geometry.inode_group(inode.number);
  const u32 index = (inode.number - 1) % volume.geometry.inodes_per_group;
  const BufferRef bitmap = CO_TRY(co_await inode_bitmap(&volume, group));
  if (inode.number < volume.geometry.first_inode || !test_bit(bitmap->data.get(), index))
    co_return volume.corrupted(inode.number, "an inode to be freed is free");
  operation->modify(bitmap);
  set_bits(bitmap->data.get(), index, 1, false);
  count_inode(operation, group, 1, is_type(inode.get(), kDirectoryMode));
  Inode* changed = operation->modify(inode);
  changed->links = 0;
  changed->size_lo = changed->size_hi = 0;
  changed->dtime = std::max<u32>(static_cast<u32>(now.seconds), 1);
  changed->mode = 0;
  co_return Outcome<void>{};
}

Async<void> add_orphan(Operation* operation, InodeRef inode) {
  Superblock* super = operation->superblock();
  operation->modify(inode)->dtime = super->last_orphan;
  super->last_orphan = inode.number;
  co_return Outcome<void>{};
}

Async<void> remove_orphan(Operation* operation, InodeRef inode) {
  Volume& volume = operation->volume;
  u32 at = volume.superblock().last_orphan;
  if (at == inode.number) {
    operation->superblock()->last_orphan = inode->dtime;
    operation->modify(inode)->dtime = 0;
    co_return Outcome<void>{};
  }
  std::unordered_set<u32> seen;
  while (at != 0 && seen.insert(at).second) {
    auto previous = co_await load_inode_slot(&volume, at);
    if (!previous) break;
    at = (*previous)->dtime;
    if (at != inode.number) continue;
    const u32 after = inode->dtime;
    operation->modify(*previous)->dtime = after;
    operation->modify(inode)->dtime = 0;
    co_return Outcome<void>{};
  }
  co_return volume.corrupted(inode.number, "the list of orphans is damaged");
}

}  // namespace hati::ext4
