// SPDX-License-Identifier: MIT
// Removing ranges from extent trees, from their end.
#include <cstring>

#include "servers/ext4/map/tree.h"

namespace hati::ext4 {

namespace {

// Takes the entry of the path out of the node at `level`; empty nodes go with it.
Async<void> remove_entry(Operation* operation, TreePath* path, u32 level) {
  for (;;) {
    path->modify(operation, level);
    ExtentHeader* header = path->header(level);
    const i32 at = path->step(level).index;
    Extent* entries = path->extents(level);
    std::memmove(entries + at, entries + at + 1, (header->entries - at - 1) * sizeof(Extent));
    header->entries -= 1;
    if (header->entries > 0) {
      if (at == 0) tree_fix_keys(operation, path, level);
      co_return Outcome<void>{};
    }
    if (level == 0) {
      header->depth = 0;
      co_return Outcome<void>{};
    }
    const u64 block = path->step(level).buffer->number;
    CO_TRY(co_await free_blocks(operation, {block, 1}, true));
    add_inode_blocks(operation->volume, operation->modify(path->inode()), -1);
    --level;
  }
}

}  // namespace

Async<bool> tree_erase(Operation* operation, InodeRef inode, u64 from, u64 to, bool free) {
  Volume& volume = operation->volume;
  const bool metadata = !is_type(inode.get(), kRegular);
  while (from < to) {
    if (free && operation->crowded()) co_return false;
    TreePath path(inode);
    CO_TRY(co_await path.find(&volume, to - 1));
    const Extent* found = path.extent();
    if (found == nullptr || found->end() <= from) break;
    const Extent extent = *found;
    const u32 level = path.depth();
    const u64 first = std::max<u64>(from, extent.logical), end = std::min(to, extent.end());
    const u64 physical = extent.start() + (first - extent.logical);
    if (first == extent.logical && end == extent.end()) {
      CO_TRY(co_await remove_entry(operation, &path, level));
    } else {
      path.modify(operation, level);
      Extent* changed = path.extent();
      if (first > extent.logical) {
        changed->set(extent.logical, extent.start(), static_cast<u32>(first - extent.logical), extent.unwritten());
      } else {
        changed->set(end, extent.start() + (end - first), static_cast<u32>(extent.end() - end), extent.unwritten());
        if (path.step(level).index == 0) tree_fix_keys(operation, &path, level);
      }
      if (first > extent.logical && end < extent.end()) {
        CO_TRY(
            co_await tree_insert(operation, inode, end, {extent.start() + (end - extent.logical), extent.end() - end}, extent.unwritten()));
      }
    }
    if (free) {
      CO_TRY(co_await free_blocks(operation, {physical, end - first}, metadata));
      add_inode_blocks(volume, operation->modify(inode), -static_cast<i64>(end - first));
    }
    to = first;
  }
  co_return true;
}

}  // namespace hati::ext4
