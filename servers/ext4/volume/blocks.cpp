// SPDX-License-Identifier: MIT
// Allocating and freeing blocks. A bit that is clear may still be held in memory (Volume::held).
#include "servers/ext4/volume/blocks.h"

#include <algorithm>

namespace hati::ext4 {

namespace {

constexpr u32 kGroupsTried = 16;  // for a run of the wanted length, before any run will do

// The best run in one group: the one at `goal`, else the first of `want` blocks, else the longest.
BlockRun search_group(const Volume& volume, u32 group, const std::byte* bitmap, u64 goal, u64 want) {
  const Geometry& geometry = volume.geometry;
  const u64 base = geometry.group_first(group), end = geometry.group_blocks(group);
  BlockRun best;
  const u64 goal_bit = goal >= base && goal < base + end ? goal - base : 0;
  // From the goal to the end, then from the beginning.
  for (const auto& [from, to] : {std::pair{goal_bit, end}, std::pair{u64{0}, goal_bit}}) {
    for (u64 bit = from; bit < to;) {
      bit = find_bit(bitmap, bit, to, false);
      if (bit >= to) break;
      u64 stop = find_bit(bitmap, bit, std::min(to, bit + want), true);
      const auto held = volume.held.first_in(base + bit, base + stop);
      if (held.from == base + bit) {
        bit = held.to - base;
        continue;
      }
      stop = std::min(stop, held.from - base);
      const bool at_goal = goal != 0 && base + bit == goal;
      if (stop - bit > best.count || at_goal) best = {base + bit, stop - bit};
      if (best.count >= want || at_goal) return best;
      bit = stop;
    }
  }
  return best;
}

void change_free(Operation* operation, u32 group, i64 change) {
  Volume& volume = operation->volume;
  GroupDescriptor* descriptor = operation->group(group);
  const u32 free = static_cast<u32>(group_free_blocks(volume, group) + change);
  descriptor->free_blocks_lo = static_cast<u16>(free);
  if (volume.geometry.descriptor_size >= 64) descriptor->free_blocks_hi = static_cast<u16>(free >> 16);
  descriptor->flags &= static_cast<u16>(~kBlockUninit);
  Superblock* super = operation->superblock();
  const u64 total = volume.free_blocks() + static_cast<u64>(change);
  super->free_blocks_lo = static_cast<u32>(total);
  super->free_blocks_hi = static_cast<u32>(total >> 32);
}

}  // namespace

Async<BlockRun> find_free(Volume* volume, u64 goal, u64 want) {
  const Geometry& geometry = volume->geometry;
  if (goal < geometry.first_data_block || goal >= geometry.blocks) goal = 0;
  const u32 first = goal == 0 ? 0 : geometry.group_of(goal);
  BlockRun best;
  for (u32 i = 0; i < geometry.groups; ++i) {
    const u32 group = (first + i) % geometry.groups;
    if (group_free_blocks(*volume, group) == 0) continue;
    if (i < kGroupsTried && i > 0 && group_free_blocks(*volume, group) < want) continue;
    const BufferRef bitmap = CO_TRY(co_await block_bitmap(volume, group));
    const BlockRun run = search_group(*volume, group, bitmap->data.get(), i == 0 ? goal : 0, want);
    if (run.count > best.count) best = run;
    if (best.count >= want || (best.count > 0 && (i >= kGroupsTried || best.first == goal))) break;
  }
  // Small groups may have been passed over.
  for (u32 i = 0; best.count == 0 && i < geometry.groups; ++i) {
    if (group_free_blocks(*volume, i) == 0) continue;
    const BufferRef bitmap = CO_TRY(co_await block_bitmap(volume, i));
    best = search_group(*volume, i, bitmap->data.get(), 0, want);
  }
  if (best.count == 0) co_return failed(Errno::kNoSpace);
  if (!volume->valid_blocks(best.first, best.count)) co_return volume->corrupted(0, "a bitmap says that metadata is free");
  co_return best;
}

Async<u64> allocate_block(Operation* operation, u64 goal) {
  const BlockRun run = CO_TRY(co_await find_free(&operation->volume, goal, 1));
  operation->volume.held.add(run.first, run.first + 1);
  operation->volume.held_data += 1;
  CO_TRY(co_await take_blocks(operation, run));
  co_return run.first;
}

Async<BlockRun> hold_blocks(Volume* volume, u64 goal, u64 want) {
  const BlockRun run = CO_TRY(co_await find_free(volume, goal, want));
  volume->held.add(run.first, run.first + run.count);
  volume->held_data += run.count;
  co_return run;
}

void release_blocks(Volume* volume, BlockRun run) {
  volume->held.remove(run.first, run.first + run.count);
  volume->held_data -= run.count;
}

// The bits are set and the blocks no longer held, whether or not the operation succeeds later.
Async<void> take_blocks(Operation* operation, BlockRun run) {
  Volume& volume = operation->volume;
  release_blocks(&volume, run);
  for (u64 at = run.first; at < run.first + run.count;) {
    const u32 group = volume.geometry.group_of(at);
    const u64 base = volume.geometry.group_first(group);
    const u64 count = std::min(run.first + run.count, base + volume.geometry.group_blocks(group)) - at;
    const BufferRef bitmap = CO_TRY(co_await block_bitmap(&volume, group));
    if (find_bit(bitmap->data.get(), at - base, at - base + count, true) != at - base + count || group_free_blocks(volume, group) < count) {
      co_return volume.corrupted(0, "allocated blocks are in use");
    }
    operation->modify(bitmap);
    set_bits(bitmap->data.get(), at - base, count, true);
    change_free(operation, group, -static_cast<i64>(count));
    at += count;
  }
  co_return Outcome<void>{};
}

Async<void> free_blocks(Operation* operation, BlockRun run, bool metadata) {
  Volume& volume = operation->volume;
  if (!volume.valid_blocks(run.first, run.count)) co_return volume.corrupted(0, "blocks to be freed are no blocks of files");
  for (u64 at = run.first; at < run.first + run.count;) {
    const u32 group = volume.geometry.group_of(at);
    const u64 base = volume.geometry.group_first(group);
    const u64 count = std::min(run.first + run.count, base + volume.geometry.group_blocks(group)) - at;
    const BufferRef bitmap = CO_TRY(co_await block_bitmap(&volume, group));
    if (find_bit(bitmap->data.get(), at - base, at - base + count, false) != at - base + count) {
      co_return volume.corrupted(0, "blocks to be freed are free");
    }
    operation->modify(bitmap);
    set_bits(bitmap->data.get(), at - base, count, false);
    change_free(operation, group, static_cast<i64>(count));
    at += count;
  }
  operation->freed(run.first, run.count, metadata);
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
