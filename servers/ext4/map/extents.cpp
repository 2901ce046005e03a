// SPDX-License-Identifier: MIT
// Reading extent trees. A node is checked completely before it is used: order, lengths, bounds, checksum.
#include "servers/ext4/map/tree.h"
#include "servers/ext4/volume/seal.h"

namespace hati::ext4 {

namespace {

constexpr u32 kRootCapacity = (sizeof(Inode::block) - sizeof(ExtentHeader)) / sizeof(Extent);

const char* wrong_node(const Volume& volume, const ExtentHeader& header, u32 depth, u32 capacity, bool root) {
  if (header.magic != kExtentMagic) return "bad magic of an extent node";
  if (header.depth != depth) return "bad depth of an extent node";
  if (header.capacity == 0 || header.capacity > capacity || header.entries > header.capacity) return "bad counts of an extent node";
  if (header.entries == 0 && (!root || depth != 0)) return "an empty extent node";
  u64 next = 0;
  if (depth == 0) {
    const auto* extents = reinterpret_cast<const Extent*>(&header + 1);
    for (u32 i = 0; i < header.entries; ++i) {
      if (extents[i].logical < next || extents[i].length() == 0) return "extents out of order";
      if (!volume.valid_blocks(extents[i].start(), extents[i].length())) return "an extent outside of the file system";
      next = extents[i].end();
      if (next > u64{1} << 32) return "an extent beyond the last block";
    }
  } else {
    const auto* indexes = reinterpret_cast<const ExtentIndex*>(&header + 1);
    for (u32 i = 0; i < header.entries; ++i) {
      if (indexes[i].logical < next) return "extent indexes out of order";
      if (!volume.valid_blocks(indexes[i].child(), 1)) return "an extent node outside of the file system";
      next = u64{indexes[i].logical} + 1;
    }
  }
  return nullptr;
}

}  // namespace

ExtentHeader* TreePath::header(u32 level) const {
  const TreeStep& step = steps_[level];
  if (step.buffer) return step.buffer->as<ExtentHeader>();
  return reinterpret_cast<ExtentHeader*>(inode_.buffer->data.get() + inode_.offset + offsetof(Inode, block));
}

void TreePath::modify(Operation* operation, u32 level) const {
  if (steps_[level].buffer) {
    operation->modify(steps_[level].buffer);
  } else {
    operation->modify(inode_);
  }
}

Extent* TreePath::extent() const {
  const i32 index = steps_[depth_].index;
  return index < 0 ? nullptr : extents(depth_) + index;
}

u64 TreePath::next_start(u64 limit) const {
  for (u32 level = depth_ + 1; level-- > 0;) {
    const i32 next = steps_[level].index + 1;
    if (next >= header(level)->entries) continue;
    return level == depth_ ? extents(level)[next].logical : indexes(level)[next].logical;
  }
  return limit;
}

Async<void> TreePath::find(Volume* volume, u64 logical) {
  steps_ = {};
  depth_ = header(0)->depth;
  if (depth_ > kExtentDepthMax) co_return volume->corrupted(inode_.number, "an extent tree is too deep");
  if (const char* what = wrong_node(*volume, *header(0), depth_, kRootCapacity, true); what != nullptr)
    co_return volume->corrupted(inode_.number, what);
  const u32 seed = block_seed(*volume, inode_);
  for (u32 level = 0;; ++level) {
    TreeStep& step = steps_[level];
    // The keys of leaves and inner nodes lie at the same place.
    const Extent* entries = extents(level);
    i32 low = 0, high = header(level)->entries;
    while (low < high) {
      const i32 middle = (low + high) / 2;
      if (entries[middle].logical <= logical) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    step.index = low - 1;
    if (level == depth_) break;
    step.index = std::max(step.index, 0);
    const u64 child = indexes(level)[step.index].child();
    const BufferRef buffer = CO_TRY(co_await volume->cache.read(child));
    if (buffer->kind == BlockKind::kNone) {
      buffer->kind = BlockKind::kExtents;
      buffer->seed = seed;
      const u32 capacity = static_cast<u32>((volume->geometry.block_size - sizeof(ExtentHeader)) / sizeof(Extent));
      const char* what = wrong_node(*volume, *buffer->as<ExtentHeader>(), depth_ - level - 1, capacity, false);
      if (what == nullptr && !sealed(volume->geometry, *buffer)) what = "wrong checksum of an extent node";
      if (what != nullptr) {
        buffer->kind = BlockKind::kNone;
        co_return volume->corrupted(inode_.number, what);
      }
    }
    if (buffer->kind != BlockKind::kExtents || buffer->seed != seed || buffer->as<ExtentHeader>()->depth != depth_ - level - 1) {
      co_return volume->corrupted(inode_.number, "an extent node is in use as something else");
    }
    steps_[level + 1].buffer = buffer;
  }
  co_return Outcome<void>{};
}

Async<MappedRun> tree_lookup(Volume* volume, InodeRef inode, u64 logical) {
  TreePath path(inode);
  CO_TRY(co_await path.find(volume, logical));
  const Extent* extent = path.extent();
  if (extent != nullptr && logical < extent->end()) {
    co_return MappedRun{extent->start() + (logical - extent->logical), extent->end() - logical, extent->unwritten()};
  }
  const u64 next = path.next_start(u64{1} << 32);
  co_return MappedRun{0, std::max(next, logical + 1) - logical, false};
}

void tree_fix_keys(Operation* operation, TreePath* path, u32 level) {
  while (level > 0) {
    const u32 key = path->extents(level)[0].logical;
    --level;
    path->modify(operation, level);
    const i32 index = path->step(level).index;
    path->indexes(level)[index].logical = key;
    if (index != 0) break;
  }
}

}  // namespace hati::ext4
