// SPDX-License-Identifier: MIT
// The block allocator: bitmaps, descriptors and counters, and blocks set aside for data that is being written.
#pragma once

#include "servers/ext4/volume/operation.h"

namespace hati::ext4 {

// A group's bitmap; built if the group was never used.
Async<BufferRef> block_bitmap(Volume* volume, u32 group);
Async<BufferRef> inode_bitmap(Volume* volume, u32 group);

// The longest convenient run of at most `want` free blocks near `goal` (0: anywhere). kNoSpace, kCorrupted.
Async<BlockRun> find_free(Volume* volume, u64 goal, u64 want);

// For metadata: one block, marked in the operation. kNoSpace.
Async<u64> allocate_block(Operation* operation, u64 goal);
// For data: set aside in memory until take_blocks (recorded) or release_blocks.
Async<BlockRun> hold_blocks(Volume* volume, u64 goal, u64 want);
Async<void> take_blocks(Operation* operation, BlockRun run);
void release_blocks(Volume* volume, BlockRun run);

// kCorrupted if they are free already or no blocks of files.
Async<void> free_blocks(Operation* operation, BlockRun run, bool metadata);

// Bits of bitmaps.
u64 find_bit(const std::byte* bitmap, u64 from, u64 to, bool value);  // `to` if there is none
inline bool test_bit(const std::byte* bitmap, u64 bit) { return (static_cast<u8>(bitmap[bit / 8]) >> bit % 8 & 1) != 0; }
void set_bits(std::byte* bitmap, u64 from, u64 count, bool value);

u32 group_free_blocks(const Volume& volume, u32 group);
u32 group_free_inodes(const Volume& volume, u32 group);
u32 group_used_directories(const Volume& volume, u32 group);
u64 block_bitmap_at(const Volume& volume, u32 group);
u64 inode_bitmap_at(const Volume& volume, u32 group);
u64 inode_table_at(const Volume& volume, u32 group);

}  // namespace hati::ext4
