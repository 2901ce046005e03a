// SPDX-License-Identifier: MIT
// Adding extents: joined with a neighbour where possible; full nodes are split, the tree grows at its root.
#include <cstring>

#include "servers/ext4/map/tree.h"

namespace hati::ext4 {

namespace {

u64 goal_for(const TreePath& path) {
  const Extent* extent = path.extent();
  return extent != nullptr ? extent->start() + extent->length() : 0;
}

// The root's entries move into a new node, the only child of the root then.
Async<void> grow(Operation* operation, TreePath* path) {
  Volume& volume = operation->volume;
  if (path->depth() >= kExtentDepthMax) co_return failed(Errno::kNoSpace);
  const InodeRef inode = path->inode();
  const u64 block = CO_TRY(co_await allocate_block(operation, goal_for(*path)));
  const BufferRef child = CO_TRY(operation->fresh(block, BlockKind::kExtents, block_seed(volume, inode)));
  Inode* changed = operation->modify(inode);
  add_inode_blocks(volume, changed, 1);
  ExtentHeader* root = path->header(0);
  auto* header = child->as<ExtentHeader>();
  std::memcpy(static_cast<void*>(header), root, sizeof(ExtentHeader) + root->entries * sizeof(Extent));
  header->capacity = static_cast<u16>((volume.geometry.block_size - sizeof(ExtentHeader)) / sizeof(Extent));
  const u32 first = root->entries > 0 ? path->extents(0)[0].logical : 0;
  root->depth += 1;
  root->entries = 1;
  path->indexes(0)[0].set(first, block);
  co_return Outcome<void>{};
}

// Half of the entries of the node at `level` (only the last one where a file is written from front to back) move into a new one.
Async<void> split(Operation* operation, TreePath* path, u32 level) {
  Volume& volume = operation->volume;
  const u64 block = CO_TRY(co_await allocate_block(operation, goal_for(*path)));
  const BufferRef right = CO_TRY(operation->fresh(block, BlockKind::kExtents, block_seed(volume, path->inode())));
  add_inode_blocks(volume, operation->modify(path->inode()), 1);
  path->modify(operation, level);
  path->modify(operation, level - 1);
  ExtentHeader* left = path->header(level);
  const bool at_end = path->step(level).index + 1 == left->entries;
  const u16 moved = at_end ? u16{1} : static_cast<u16>(left->entries / 2);
  auto* header = right->as<ExtentHeader>();
  *header = *left;
  header->entries = moved;
  left->entries -= moved;
  std::memcpy(static_cast<void*>(header + 1), path->extents(level) + left->entries, moved * sizeof(Extent));
  ExtentHeader* parent = path->header(level - 1);
  ExtentIndex* indexes = path->indexes(level - 1);
  const i32 at = path->step(level - 1).index + 1;
  std::memmove(indexes + at + 1, indexes + at, (parent->entries - at) * sizeof(ExtentIndex));
  indexes[at].set(right->as<Extent>(sizeof(ExtentHeader))->logical, block);
  parent->entries += 1;
  co_return Outcome<void>{};
}

// One step towards room in the leaf.
Async<void> make_room(Operation* operation, TreePath* path) {
  u32 level = path->depth();
  while (level > 0 && path->header(level)->entries == path->header(level)->capacity) --level;
  if (path->header(level)->entries == path->header(level)->capacity) return grow(operation, path);
  return split(operation, path, level + 1);
}

bool joins(const Extent& left, u64 logical, u64 physical, u64 count, bool unwritten) {
  return left.unwritten() == unwritten && left.end() == logical && left.start() + left.length() == physical &&
         left.length() + count <= kExtentLengthMax - (unwritten ? 1 : 0);
}

Async<void> insert_one(Operation* operation, InodeRef inode, u64 logical, BlockRun run, bool unwritten) {
  for (;;) {
    TreePath path(inode);
    CO_TRY(co_await path.find(&operation->volume, logical));
    const u32 level = path.depth();
    const i32 at = path.step(level).index + 1;
    if ((path.extent() != nullptr && path.extent()->end() > logical) || path.next_start(u64{1} << 32) < logical + run.count) {
      co_return operation->volume.corrupted(inode.number, "blocks of a file overlap");
    }
    ExtentHeader* header = path.header(level);
    Extent* extents = path.extents(level);
    if (at > 0 && joins(extents[at - 1], logical, run.first, run.count, unwritten)) {
      path.modify(operation, level);
      extents = path.extents(level);
      extents[at - 1].set(extents[at - 1].logical, extents[at - 1].start(), extents[at - 1].length() + static_cast<u32>(run.count),
                          unwritten);
      header = path.header(level);
      const Extent* left = extents + at - 1;
      if (at < header->entries && joins(*left, extents[at].logical, extents[at].start(), extents[at].length(), extents[at].unwritten())) {
        extents[at - 1].set(left->logical, left->start(), left->length() + extents[at].length(), unwritten);
        std::memmove(extents + at, extents + at + 1, (header->entries - at - 1) * sizeof(Extent));
        header->entries -= 1;
      }
      co_return Outcome<void>{};
    }
    Extent candidate{};
    candidate.set(logical, run.first, static_cast<u32>(run.count), unwritten);
    if (at < header->entries && joins(candidate, extents[at].logical, extents[at].start(), extents[at].length(), extents[at].unwritten())) {
      path.modify(operation, level);
      extents = path.extents(level);
      extents[at].set(logical, run.first, static_cast<u32>(run.count) + extents[at].length(), unwritten);
      if (at == 0) tree_fix_keys(operation, &path, level);
      co_return Outcome<void>{};
    }
    if (header->entries == header->capacity) {
      CO_TRY(co_await make_room(operation, &path));
      continue;
    }
    path.modify(operation, level);
    header = path.header(level);
    extents = path.extents(level);
    std::memmove(extents + at + 1, extents + at, (header->entries - at) * sizeof(Extent));
    extents[at] = candidate;
    header->entries += 1;
    if (at == 0) tree_fix_keys(operation, &path, level);
    co_return Outcome<void>{};
  }
}

}  // namespace

Async<void> tree_insert(Operation* operation, InodeRef inode, u64 logical, BlockRun run, bool unwritten) {
  const u64 longest = kExtentLengthMax - (unwritten ? 1 : 0);
  for (u64 done = 0; done < run.count;) {
    const u64 count = std::min(longest, run.count - done);
    CO_TRY(co_await insert_one(operation, inode, logical + done, {run.first + done, count}, unwritten));
    done += count;
  }
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
