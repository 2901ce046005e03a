// SPDX-License-Identifier: MIT
// The extent tree: nodes and paths. The root lies in the inode, the other nodes in blocks that were checked when they were first read.
#pragma once

#include <array>

#include "servers/ext4/map/map.h"

namespace hati::ext4 {

struct TreeStep {
  BufferRef buffer;  // null: the root
  i32 index = -1;    // the entry taken: the last that begins at or before the block; -1: none
};

class TreePath {
 public:
  explicit TreePath(InodeRef inode) : inode_(std::move(inode)) {}

  // From the root to the leaf where `logical` is or would be. kCorrupted.
  Async<void> find(Volume* volume, u64 logical);

  u32 depth() const { return depth_; }  // level of the leaf; the root is level 0
  ExtentHeader* header(u32 level) const;
  Extent* extents(u32 level) const { return reinterpret_cast<Extent*>(header(level) + 1); }
  ExtentIndex* indexes(u32 level) const { return reinterpret_cast<ExtentIndex*>(header(level) + 1); }
  TreeStep& step(u32 level) { return steps_[level]; }
  Extent* extent() const;  // the leaf entry taken, or null
  // The first block after the entry taken that some other entry names; `limit` if none.
  u64 next_start(u64 limit) const;
  void modify(Operation* operation, u32 level) const;
  const InodeRef& inode() const { return inode_; }

 private:
  InodeRef inode_;
  u32 depth_ = 0;
  std::array<TreeStep, kExtentDepthMax + 1> steps_;
};

// extents.cpp, extent_insert.cpp, extent_erase.cpp
Async<MappedRun> tree_lookup(Volume* volume, InodeRef inode, u64 logical);
Async<void> tree_insert(Operation* operation, InodeRef inode, u64 logical, BlockRun run, bool unwritten);
Async<bool> tree_erase(Operation* operation, InodeRef inode, u64 from, u64 to, bool free);
// After the first entry of a node changed: the keys above it.
void tree_fix_keys(Operation* operation, TreePath* path, u32 level);

// indirect.cpp
Async<MappedRun> indirect_lookup(Volume* volume, InodeRef inode, u64 logical);
Async<void> indirect_insert(Operation* operation, InodeRef inode, u64 logical, BlockRun run);
Async<bool> indirect_erase(Operation* operation, InodeRef inode, u64 from, u64 to);
u64 indirect_limit(const Volume& volume);

}  // namespace hati::ext4
