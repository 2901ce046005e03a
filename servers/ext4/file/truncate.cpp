// SPDX-License-Identifier: MIT
// Sizes, truncation, deletion. What takes several operations is on the list of orphans meanwhile.
#include <cstring>

#include "servers/ext4/file/data.h"
#include "servers/ext4/file/zero.h"
#include "servers/ext4/xattr/xattr.h"

namespace hati::ext4 {

namespace {

bool fast_symlink(const Volume& volume, const Inode* inode) {
  if (!is_type(inode, kSymlinkMode) || (inode->flags & kExtentsFlag) != 0) return false;
  const u64 own = xattr_block(inode) != 0 ? volume.geometry.block_size / 512 : 0;
  return inode_blocks(volume, inode) == own;
}

u64 block_ceil(const Volume& volume, u64 bytes) {
  return (bytes >> volume.geometry.block_bits) + ((bytes & (volume.geometry.block_size - 1)) != 0 ? 1 : 0);
}

void note_change(const Volume& volume, Inode* inode, Timestamp now) {
  set_inode_time(volume, inode, TimeField::kModify, now);
  set_inode_time(volume, inode, TimeField::kChange, now);
}

// Size and times. True: blocks beyond the size remain, and the inode is on the list of orphans.
Async<bool> store_size(Volume* volume, NodeRef node, u64 bytes, Timestamp now, bool change) {
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  const u64 old = inode_size(*volume, inode.get());
  Inode* changed = operation.modify(inode);
  set_inode_size(*volume, changed, bytes);
  if (change) note_change(*volume, changed, now);
  if (bytes > 0x7fffffff && (volume->geometry.read_only & kLargeFile) == 0) operation.superblock()->read_only_compatible |= kLargeFile;
  const bool shrinks = bytes < old;
  if (!shrinks) CO_TRY(co_await mark_ahead(&operation, node, inode, block_ceil(*volume, bytes)));
  const bool listed = shrinks && inode->links != 0;
  if (listed && !node->orphaned) CO_TRY(co_await add_orphan(&operation, inode));
  operation.touch(node, true);
  node->ahead.remove(0, shrinks ? ~u64{0} : block_ceil(*volume, bytes));
  if (shrinks) volume->release_beyond(node.get(), 0, ~u64{0});
  node->orphaned = node->orphaned || listed;
  operation.finish();
  co_return shrinks;
}

// Maps some of the blocks that are held beyond the size, up to a new size. True: there may be more.
Async<bool> record_beyond(Volume* volume, NodeRef node, u64 bytes) {
  constexpr u64 kBlocksMax = 1024;
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  const u64 end = block_ceil(*volume, bytes);
  if (node->beyond.empty() || node->beyond.begin()->first >= end) co_return false;
  const auto [logical, held] = *node->beyond.begin();
  const BlockRun run{held.first, std::min({held.count, end - logical, kBlocksMax})};
  auto recorded = co_await take_blocks(&operation, run);
  if (recorded) recorded = co_await map_insert(&operation, inode, logical, run, false);
  if (!recorded) {
    volume->held.add(run.first, run.first + run.count);
    volume->held_data += run.count;
    co_return failed(recorded.error());
  }
  const u64 reached = std::min(bytes, (logical + run.count) << volume->geometry.block_bits);
  if (reached > inode_size(*volume, inode.get())) set_inode_size(*volume, operation.modify(inode), reached);
  node->beyond.erase(node->beyond.begin());
  if (run.count < held.count) node->beyond[logical + run.count] = {run.first + run.count, held.count - run.count};
  operation.touch(node, true);
  operation.finish();
  co_return true;
}

// Frees blocks from `first` on, in as many operations as it takes.
Async<void> erase_all(Volume* volume, NodeRef node, u64 first) {
  for (;;) {
    Operation operation(*volume);
    CO_TRY(co_await operation.begin());
    const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
    if (fast_symlink(*volume, inode.get()) || !has_map(inode.get())) co_return Outcome<void>{};
    const bool done = CO_TRY(co_await map_erase(&operation, inode, first, map_limit(*volume, inode.get())));
    operation.touch(node, true);
    operation.finish();
    if (done) co_return Outcome<void>{};
  }
}

}  // namespace

Async<void> mark_ahead(Operation* operation, NodeRef node, InodeRef inode, u64 blocks) {
  for (u64 at = 0;;) {
    const auto part = node->ahead.first_in(at, blocks);
    if (part.from >= part.to) co_return Outcome<void>{};
    CO_TRY(co_await map_mark(operation, inode, part.from, part.to, false));
    at = part.to;
  }
}

Async<void> finish_truncation(Volume* volume, NodeRef node, u64 bytes) {
  CO_TRY(co_await erase_all(volume, node, block_ceil(*volume, bytes)));
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  if (inode->links != 0) CO_TRY(co_await remove_orphan(&operation, inode));
  operation.touch(node, true);
  operation.finish();
  node->orphaned = false;
  co_return Outcome<void>{};
}

Async<void> set_size(Volume* volume, NodeRef node, u64 bytes, Timestamp now, bool change) {
  u64 old = 0;
  {
    auto guard = co_await volume->lock.lock();
    const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
    if (!is_type(inode.get(), kRegular)) co_return failed(Errno::kInvalid);
    if (block_ceil(*volume, bytes) > map_limit(*volume, inode.get())) co_return failed(Errno::kFileTooBig);
    old = inode_size(*volume, inode.get());
  }
  auto alone = CO_TRY(co_await node->gate.enter_alone());
  const u32 within = static_cast<u32>(bytes & (volume->geometry.block_size - 1));
  if (bytes < old && within != 0) CO_TRY(co_await zero_in_block(volume, node, bytes, volume->geometry.block_size - within));
  while (bytes > old && CO_TRY(co_await with_room(volume, [=] { return record_beyond(volume, node, bytes); }))) {
  }
  const bool shrinks = CO_TRY(co_await with_room(volume, [=] { return store_size(volume, node, bytes, now, change); }));
  node->size = bytes;
  if (shrinks) CO_TRY(co_await with_room(volume, [=] { return finish_truncation(volume, node, bytes); }));
  co_return Outcome<void>{};
}

Async<void> delete_inode(Volume* volume, NodeRef node, Timestamp now) {
  auto alone = CO_TRY(co_await node->gate.enter_alone());
  CO_TRY(co_await erase_all(volume, node, 0));
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  CO_TRY(co_await xattr_release(&operation, inode));
  CO_TRY(co_await remove_orphan(&operation, inode));
  CO_TRY(co_await free_inode(&operation, inode, now));
  operation.finish();
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
