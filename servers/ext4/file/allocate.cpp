// SPDX-License-Identifier: MIT
// fallocate: preallocation, holes, zeroed ranges; SEEK_DATA and SEEK_HOLE.
#include <cstring>

#include "servers/ext4/file/data.h"
#include "servers/ext4/file/zero.h"

namespace hati::ext4 {

namespace {

constexpr u64 kAllocateMax = 32768;  // blocks in one go

// Whole blocks [from, to) of a range; the rest of it lies in at most two blocks.
struct Blocks {
  u64 from, to;
};
Blocks whole_blocks(const Volume& volume, u64 offset, u64 end) {
  const u32 bits = volume.geometry.block_bits;
  const u64 from = (offset + volume.geometry.block_size - 1) >> bits;
  return {from, std::max(from, end >> bits)};
}

Async<void> zero_edges(Volume* volume, NodeRef node, u64 offset, u64 end) {
  const u64 size = volume->geometry.block_size;
  const u64 first_end = std::min(end, (offset + size - 1) / size * size);
  if (offset % size != 0) CO_TRY(co_await zero_in_block(volume, node, offset, first_end - offset));
  const u64 last = std::max(first_end, end / size * size);
  if (last < end) CO_TRY(co_await zero_in_block(volume, node, last, end - last));
  co_return Outcome<void>{};
}

// Maps holes in [*at, to) as unwritten (and what is written too if `all`), until the operation is crowded; `*at` moves on.
Async<void> allocate_some(Volume* volume, NodeRef node, u64* at, u64 to, bool all) {
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  u64 next = *at;
  while (next < to && !operation.crowded()) {
    const MappedRun run = CO_TRY(co_await map_lookup(volume, inode, next));
    u64 count = std::min(run.count, to - next);
    if (run.physical == 0) {
      u64 goal = node->goal;
      if (next > 0) {
        const MappedRun before = CO_TRY(co_await map_lookup(volume, inode, next - 1));
        if (before.physical != 0) goal = before.physical + 1;
      }
      const BlockRun held = CO_TRY(co_await hold_blocks(volume, goal, std::min(count, kAllocateMax)));
      CO_TRY(co_await take_blocks(&operation, held));
      CO_TRY(co_await map_insert(&operation, inode, next, held, true));
      node->goal = held.first + held.count;
      count = held.count;
    } else if (all && !run.unwritten) {
      CO_TRY(co_await map_mark(&operation, inode, next, next + count, true));
    }
    next += count;
  }
  operation.touch(node, true);
  operation.finish();
  *at = next;
  co_return Outcome<void>{};
}

Async<bool> punch_some(Volume* volume, NodeRef node, Blocks blocks) {
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  const bool done = CO_TRY(co_await map_erase(&operation, inode, blocks.from, std::min(blocks.to, map_limit(*volume, inode.get()))));
  operation.touch(node, true);
  operation.finish();
  co_return done;
}

Async<void> store_end(Volume* volume, NodeRef node, u64 end, Timestamp now, bool grow) {
  Operation operation(*volume);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  Inode* changed = operation.modify(inode);
  const bool grows = grow && end > inode_size(*volume, changed);
  const u64 blocks = (end + volume->geometry.block_size - 1) >> volume->geometry.block_bits;
  if (grows) {
    set_inode_size(*volume, changed, end);
    CO_TRY(co_await mark_ahead(&operation, node, inode, blocks));
    changed = operation.modify(inode);
    if (end > 0x7fffffff && (volume->geometry.read_only & kLargeFile) == 0) operation.superblock()->read_only_compatible |= kLargeFile;
  }
  set_inode_time(*volume, changed, TimeField::kModify, now);
  set_inode_time(*volume, changed, TimeField::kChange, now);
  operation.touch(node, true);
  if (grows) {
    node->ahead.remove(0, blocks);
    node->size = end;
  }
  operation.finish();
  co_return Outcome<void>{};
}

}  // namespace

Async<void> zero_in_block(Volume* volume, NodeRef node, u64 offset, u64 bytes) {
  const u32 bits = volume->geometry.block_bits;
  const MappedRun run = CO_TRY(co_await lookup_data(volume, node, offset >> bits));
  if (run.physical == 0 || run.unwritten) co_return Outcome<void>{};
  std::vector<std::byte> block(volume->geometry.block_size);
  CO_TRY(to_outcome(co_await volume->device.read(run.physical << bits, Piece::of(block))));
  std::memset(block.data() + (offset & (volume->geometry.block_size - 1)), 0, bytes);
  CO_TRY(to_outcome(co_await volume->device.write(run.physical << bits, Piece::of(block))));
  auto guard = co_await volume->lock.lock();
  node->write_serial = ++volume->write_serial;
  co_return Outcome<void>{};
}

Async<void> allocate_range(Volume* volume, NodeRef node, u64 offset, u64 bytes, u32 flags, Timestamp now) {
  const bool punch = flags == (kPunchHole | kKeepSize);
  const bool zero = (flags & ~u32{kKeepSize}) == kZeroRange;
  if (!punch && !zero && (flags & ~u32{kKeepSize}) != 0) co_return failed(Errno::kNotSupported);
  if (bytes == 0 || offset + bytes < offset) co_return failed(Errno::kInvalid);
  const u64 end = offset + bytes;
  const u32 bits = volume->geometry.block_bits;
  {
    auto guard = co_await volume->lock.lock();
    const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
    if (!is_type(inode.get(), kRegular)) co_return failed(Errno::kNoDevice);
    if (!punch && (inode->flags & kExtentsFlag) == 0) co_return failed(Errno::kNotSupported);
    if (!punch && ((end - 1) >> bits) >= map_limit(*volume, inode.get())) co_return failed(Errno::kFileTooBig);
  }
  auto alone = CO_TRY(co_await node->gate.enter_alone());
  const Blocks whole = whole_blocks(*volume, offset, end);
  if (punch || zero) {
    CO_TRY(co_await zero_edges(volume, node, offset, end));
    auto guard = co_await volume->lock.lock();
    node->ahead.remove(whole.from, whole.to);
    volume->release_beyond(node.get(), whole.from, whole.to);
  }
  if (punch) {
    while (whole.from < whole.to && !CO_TRY(co_await with_room(volume, [=] { return punch_some(volume, node, whole); }))) {
    }
  } else {
    u64 at = zero ? whole.from : offset >> bits;
    while (zero && at < whole.to)
      CO_TRY(co_await with_room(volume, [&at, volume, node, whole] { return allocate_some(volume, node, &at, whole.to, true); }));
    at = offset >> bits;
    const u64 last = (end + volume->geometry.block_size - 1) >> bits;
    while (at < last)
      CO_TRY(co_await with_room(volume, [&at, volume, node, last] { return allocate_some(volume, node, &at, last, false); }));
  }
  const bool grow = !punch && (flags & kKeepSize) == 0;
  co_return co_await with_room(volume, [=] { return store_end(volume, node, end, now, grow); });
}

Async<u64> seek_data(Volume* volume, NodeRef node, u64 offset, bool data) {
  auto guard = co_await volume->lock.lock();
  const InodeRef inode = CO_TRY(co_await load_inode(volume, node->number));
  const u64 size = inode_size(*volume, inode.get());
  const u32 bits = volume->geometry.block_bits;
  if (offset >= size) co_return failed(Errno::kNoDevice);
  for (u64 at = offset; at < size;) {
    const u64 logical = at >> bits;
    const MappedRun run = CO_TRY(co_await map_lookup(volume, inode, logical));
    if ((run.physical != 0 && !run.unwritten) == data) co_return at;
    at = (logical + run.count) << bits;
  }
  if (data) co_return failed(Errno::kNoDevice);
  co_return size;
}

}  // namespace hati::ext4
