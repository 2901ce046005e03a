// SPDX-License-Identifier: MIT
#include "servers/ext4/map/tree.h"

namespace hati::ext4 {

namespace {

bool uses_extents(const Inode* inode) { return (inode->flags & kExtentsFlag) != 0; }

}  // namespace

u64 map_limit(const Volume& volume, const Inode* inode) { return uses_extents(inode) ? (u64{1} << 32) - 1 : indirect_limit(volume); }

Async<MappedRun> map_lookup(Volume* volume, InodeRef inode, u64 logical) {
  if (uses_extents(inode.get())) return tree_lookup(volume, std::move(inode), logical);
  return indirect_lookup(volume, std::move(inode), logical);
}

Async<void> map_insert(Operation* operation, InodeRef inode, u64 logical, BlockRun run, bool unwritten) {
  if (logical + run.count > map_limit(operation->volume, inode.get())) co_return failed(Errno::kFileTooBig);
  if (uses_extents(inode.get())) {
    CO_TRY(co_await tree_insert(operation, inode, logical, run, unwritten));
  } else {
    CO_TRY(co_await indirect_insert(operation, inode, logical, run));
  }
  add_inode_blocks(operation->volume, operation->modify(inode), static_cast<i64>(run.count));
  co_return Outcome<void>{};
}

Async<bool> map_erase(Operation* operation, InodeRef inode, u64 from, u64 to) {
  if (uses_extents(inode.get())) return tree_erase(operation, std::move(inode), from, to, true);
  return indirect_erase(operation, std::move(inode), from, to);
}

Async<void> map_mark(Operation* operation, InodeRef inode, u64 from, u64 to, bool unwritten) {
  Volume* volume = &operation->volume;
  while (from < to) {
    const MappedRun run = CO_TRY(co_await map_lookup(volume, inode, from));
    const u64 count = std::min(run.count, to - from);
    if (run.physical != 0 && run.unwritten != unwritten) {
      // The blocks stay allocated: only the tree changes.
      if (!CO_TRY(co_await tree_erase(operation, inode, from, from + count, false)))
        co_return volume->corrupted(inode.number, "an extent overlaps others");
      CO_TRY(co_await tree_insert(operation, inode, from, {run.physical, count}, unwritten));
    }
    from += count;
  }
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
