// SPDX-License-Identifier: MIT
#include "servers/ext4/volume/operation.h"

#include <algorithm>

#include "servers/ext4/journal/journal.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

Operation::~Operation() {
  if (guard_ && serial_ != 0) roll_back();
}

Async<void> Operation::begin() {
  for (;;) {
    guard_ = co_await volume.lock.lock();
    if (volume.read_only) co_return failed(Errno::kReadOnly);
    if (!volume.journal || volume.journal->has_room(kOperationBlocks)) break;
    guard_.unlock();
    CO_TRY(co_await volume.commit());
  }
  serial_ = ++volume.operations;
  co_return Outcome<void>{};
}

void Operation::save(const BufferRef& buffer, bool is_fresh) {
  if (buffer->operation == serial_) return;
  saved_.push_back({buffer, buffer->data, buffer->kind, buffer->seed, is_fresh});
  buffer->operation = serial_;
}

void Operation::modify(const BufferRef& buffer) {
  if (buffer->operation == serial_) return;
  save(buffer, false);
  buffer->data = volume.cache.copy(buffer->data);
}

Inode* Operation::modify(const InodeRef& inode) {
  modify(inode.buffer);
  const bool known = std::ranges::any_of(inodes_, [&](const InodeRef& other) { return other.number == inode.number; });
  if (!known) inodes_.push_back(inode);
  return inode.get();
}

Superblock* Operation::superblock() {
  modify(volume.super);
  return volume.super->as<Superblock>(volume.super_offset);
}

GroupDescriptor* Operation::group(u32 index) {
  usize offset = 0;
  const BufferRef buffer = volume.group_buffer(index, &offset);
  modify(buffer);
  if (std::ranges::find(groups_, index) == groups_.end()) groups_.push_back(index);
  return buffer->as<GroupDescriptor>(offset);
}

Outcome<BufferRef> Operation::fresh(u64 block, BlockKind kind, u32 seed) {
  auto buffer = volume.cache.fresh(block);
  if (!buffer) return volume.corrupted(0, "a free block is in use as metadata");
  save(*buffer, true);
  (*buffer)->kind = kind;
  (*buffer)->seed = seed;
  return *buffer;
}

void Operation::freed(u64 first, u64 count, bool metadata) { freed_.push_back({first, count, metadata}); }

void Operation::touch(const NodeRef& node, bool data) {
  const u32 transaction = volume.journal ? volume.journal->running_sequence() : 1;
  node->transaction = transaction;
  if (data) node->data_transaction = transaction;
}

void Operation::seal() {
  const Geometry& geometry = volume.geometry;
  for (usize i = 0; i < saved_.size(); ++i) {
    const BufferRef buffer = saved_[i].buffer;
    if (!geometry.checksums || (buffer->kind != BlockKind::kBlockBitmap && buffer->kind != BlockKind::kInodeBitmap)) continue;
    const u32 value = bitmap_checksum(geometry, *buffer);
    GroupDescriptor* descriptor = group(buffer->seed);
    const bool wide = geometry.descriptor_size >= 64;
    if (buffer->kind == BlockKind::kBlockBitmap) {
      descriptor->block_bitmap_checksum_lo = static_cast<u16>(value);
      if (wide) descriptor->block_bitmap_checksum_hi = static_cast<u16>(value >> 16);
    } else {
      descriptor->inode_bitmap_checksum_lo = static_cast<u16>(value);
      if (wide) descriptor->inode_bitmap_checksum_hi = static_cast<u16>(value >> 16);
    }
  }
  for (const InodeRef& inode : inodes_) set_inode_checksum(geometry, inode.number, inode.get());
  for (const u32 index : groups_) {
    GroupDescriptor* descriptor = group(index);
    descriptor->checksum = group_checksum(geometry, volume.superblock(), index, *descriptor);
  }
  for (const Saved& saved : saved_) seal_block(geometry, *saved.buffer);
}

void Operation::finish() {
  seal();
  for (const Freed& range : freed_) {
    volume.held.add(range.first, range.first + range.count);
    if (volume.journal) {
      volume.journal->freed(range.first, range.count);
    } else {
      volume.freed.push_back({range.first, range.first + range.count});
    }
    if (!range.metadata) continue;
    for (u64 block = range.first; block < range.first + range.count; ++block) {
      if (volume.journal) volume.journal->revoke(block);
      volume.cache.forget(block);
    }
  }
  for (const Saved& saved : saved_) {
    if (saved.buffer->kind == BlockKind::kNone) continue;  // freed again
    saved.buffer->dirty = true;
    if (volume.journal) volume.journal->add(saved.buffer);
  }
  saved_.clear();
  serial_ = 0;
  guard_.unlock();
}

void Operation::roll_back() {
  for (Saved& saved : saved_) {
    saved.buffer->data = std::move(saved.data);
    saved.buffer->kind = saved.kind;
    saved.buffer->seed = saved.seed;
    saved.buffer->operation = 0;
    if (saved.fresh) volume.cache.forget(saved.buffer->number);
  }
}

}  // namespace hati::ext4
