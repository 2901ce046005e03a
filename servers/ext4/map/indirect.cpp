// SPDX-License-Identifier: MIT
// The block map of ext2 and ext3: twelve blocks in the inode, then trees of one, two and three levels of blocks of numbers.
#include "servers/ext4/map/tree.h"

namespace hati::ext4 {

namespace {

constexpr u32 kDirect = 12;

struct Shape {
  u32 per_block;
  u32 bits;
  explicit Shape(const Volume& volume) : per_block(volume.geometry.block_size / 4), bits(volume.geometry.block_bits - 2) {}
  u64 span(u32 level) const { return u64{1} << (bits * level); }  // blocks below an entry at `level` (0: the block itself)
};

// The tree that holds a block: its slot in the inode, levels below it, and the block's number within.
struct Root {
  u32 slot;
  u32 levels;
  u64 offset;
};
Root root_of(const Shape& shape, u64 logical) {
  if (logical < kDirect) return {static_cast<u32>(logical), 0, 0};
  logical -= kDirect;
  for (u32 levels = 1; levels <= 3; ++levels) {
    if (logical < shape.span(levels)) return {kDirect + levels - 1, levels, logical};
    logical -= shape.span(levels);
  }
  return {15, 4, 0};  // beyond the end
}

Async<BufferRef> read_node(Volume* volume, InodeRef inode, u64 block) {
  if (!volume->valid_blocks(block, 1)) co_return volume->corrupted(inode.number, "an indirect block outside of the file system");
  const BufferRef buffer = CO_TRY(co_await volume->cache.read(block));
  if (buffer->kind == BlockKind::kNone) {
    buffer->kind = BlockKind::kIndirect;
    buffer->seed = inode.number;
  }
  if (buffer->kind != BlockKind::kIndirect || buffer->seed != inode.number) {
    co_return volume->corrupted(inode.number, "an indirect block is in use as something else");
  }
  co_return buffer;
}

Async<u64> add_node(Operation* operation, InodeRef inode, u64 goal) {
  const u64 block = CO_TRY(co_await allocate_block(operation, goal));
  CO_TRY(operation->fresh(block, BlockKind::kIndirect, inode.number));
  add_inode_blocks(operation->volume, operation->modify(inode), 1);
  co_return block;
}

// Where entries of a node may go on.
struct Erase {
  Operation* operation;
  InodeRef inode;
  u64 from, to;
  bool metadata;
  BlockRun pending;  // freed blocks that follow each other
};

Async<void> flush_pending(Erase* erase) {
  if (erase->pending.count != 0) CO_TRY(co_await free_blocks(erase->operation, erase->pending, erase->metadata));
  add_inode_blocks(erase->operation->volume, erase->operation->modify(erase->inode), -static_cast<i64>(erase->pending.count));
  erase->pending = {};
  co_return Outcome<void>{};
}

Async<void> erase_block(Erase* erase, u64 block) {
  if (erase->pending.count != 0 && block + 1 == erase->pending.first) {
    erase->pending.first = block;
    erase->pending.count += 1;
    co_return Outcome<void>{};
  }
  CO_TRY(co_await flush_pending(erase));
  erase->pending = {block, 1};
  co_return Outcome<void>{};
}

// Erases below the node `block`, whose entries are at `level` >= 1 and which begins at logical block `base`. True: the node is empty.
Async<bool> erase_node(Erase* erase, u64 block, u32 level, u64 base) {
  Volume& volume = erase->operation->volume;
  const Shape shape(volume);
  const u64 span = shape.span(level - 1);
  const BufferRef buffer = CO_TRY(co_await read_node(&volume, erase->inode, block));
  for (u32 i = shape.per_block; i-- > 0;) {
    const u64 first = base + i * span;
    const u32 child = buffer->as<u32>()[i];
    if (child == 0 || first + span <= erase->from || first >= erase->to) continue;
    if (erase->operation->crowded()) break;
    if (level > 1) {
      if (!CO_TRY(co_await erase_node(erase, child, level - 1, first))) continue;
      CO_TRY(co_await free_blocks(erase->operation, {child, 1}, true));
      add_inode_blocks(volume, erase->operation->modify(erase->inode), -1);
    } else {
      CO_TRY(co_await erase_block(erase, child));
    }
    erase->operation->modify(buffer);
    buffer->as<u32>()[i] = 0;
  }
  const u32* entries = buffer->as<u32>();
  for (u32 i = 0; i < shape.per_block; ++i) {
    if (entries[i] != 0) co_return false;
  }
  co_return true;
}

}  // namespace

u64 indirect_limit(const Volume& volume) {
  const Shape shape(volume);
  return std::min<u64>(kDirect + shape.span(1) + shape.span(2) + shape.span(3), (u64{1} << 32) - 1);
}

Async<MappedRun> indirect_lookup(Volume* volume, InodeRef inode, u64 logical) {
  const Shape shape(*volume);
  const Root root = root_of(shape, logical);
  if (root.levels > 3) co_return MappedRun{0, (u64{1} << 32) - std::min(logical, (u64{1} << 32) - 1), false};
  u32 entry = inode->block[root.slot];
  if (root.levels == 0) {
    if (entry != 0 && !volume->valid_blocks(entry, 1)) co_return volume->corrupted(inode.number, "a block outside of the file system");
    u64 count = 1;
    while (root.slot + count < kDirect && inode->block[root.slot + count] == (entry == 0 ? 0 : entry + count) &&
           (entry == 0 || volume->valid_blocks(entry, count + 1))) {
      ++count;
    }
    co_return MappedRun{entry, count, false};
  }
  for (u32 level = root.levels;; --level) {
    const u64 within = root.offset & (shape.span(level) - 1);
    if (entry == 0) co_return MappedRun{0, shape.span(level) - within, false};
    const BufferRef buffer = CO_TRY(co_await read_node(volume, inode, entry));
    const u32* entries = buffer->as<u32>();
    const u32 index = static_cast<u32>(within >> (shape.bits * (level - 1)));
    entry = entries[index];
    if (level > 1) continue;
    u64 count = 1;
    while (index + count < shape.per_block && entries[index + count] == (entry == 0 ? 0 : entry + count)) ++count;
    if (entry != 0 && !volume->valid_blocks(entry, count)) co_return volume->corrupted(inode.number, "a block outside of the file system");
    co_return MappedRun{entry, count, false};
  }
}

Async<void> indirect_insert(Operation* operation, InodeRef inode, u64 logical, BlockRun run) {
  Volume* volume = &operation->volume;
  const Shape shape(*volume);
  if (run.first + run.count > u64{1} << 32) co_return failed(Errno::kNoSpace);
  for (u64 done = 0; done < run.count; ++done) {
    const Root root = root_of(shape, logical + done);
    const u32 block = static_cast<u32>(run.first + done);
    if (root.levels > 3) co_return failed(Errno::kFileTooBig);
    if (root.levels == 0) {
      operation->modify(inode)->block[root.slot] = block;
      continue;
    }
    u64 node = inode->block[root.slot];
    if (node == 0) {
      node = CO_TRY(co_await add_node(operation, inode, block));
      operation->modify(inode)->block[root.slot] = static_cast<u32>(node);
    }
    for (u32 level = root.levels; level > 0; --level) {
      const BufferRef buffer = CO_TRY(co_await read_node(volume, inode, node));
      const u32 index = static_cast<u32>(root.offset >> (shape.bits * (level - 1)) & (shape.per_block - 1));
      if (level == 1) {
        operation->modify(buffer);
        buffer->as<u32>()[index] = block;
        break;
      }
      node = buffer->as<u32>()[index];
      if (node != 0) continue;
      node = CO_TRY(co_await add_node(operation, inode, block));
      operation->modify(buffer);
      buffer->as<u32>()[index] = static_cast<u32>(node);
    }
  }
  co_return Outcome<void>{};
}

Async<bool> indirect_erase(Operation* operation, InodeRef inode, u64 from, u64 to) {
  Volume& volume = operation->volume;
  const Shape shape(volume);
  Erase erase{operation, inode, from, to, !is_type(inode.get(), kRegular), {}};
  u64 base = kDirect + shape.span(1) + shape.span(2) + shape.span(3);
  for (u32 level = 3; level > 0; --level) {
    base -= shape.span(level);
    const u32 slot = kDirect + level - 1;
    const u32 node = inode->block[slot];
    if (node == 0 || base + shape.span(level) <= from || base >= to) continue;
    const bool empty = CO_TRY(co_await erase_node(&erase, node, level, base));
    CO_TRY(co_await flush_pending(&erase));
    if (empty) {
      CO_TRY(co_await free_blocks(operation, {node, 1}, true));
      Inode* changed = operation->modify(inode);
      changed->block[slot] = 0;
      add_inode_blocks(volume, changed, -1);
    }
    if (operation->crowded()) co_return false;
  }
  for (u32 i = kDirect; i-- > 0;) {
    if (inode->block[i] == 0 || i < from || i >= to) continue;
    CO_TRY(co_await erase_block(&erase, inode->block[i]));
    operation->modify(inode)->block[i] = 0;
  }
  CO_TRY(co_await flush_pending(&erase));
  co_return true;
}

}  // namespace hati::ext4
