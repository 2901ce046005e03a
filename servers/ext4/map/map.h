// SPDX-License-Identifier: MIT
// Where a file's blocks lie: extents or the older indirect blocks, behind one interface. Under Volume::lock.
#pragma once

#include "servers/ext4/volume/blocks.h"
#include "servers/ext4/volume/inodes.h"

namespace hati::ext4 {

struct MappedRun {
  u64 physical = 0;  // 0: a hole
  u64 count = 0;     // of blocks from the one asked for; of a hole: at least 1, up to the next block that is mapped
  bool unwritten = false;  // allocated, reads as zeroes
};

// One past the last block that a map can name.
u64 map_limit(const Volume& volume, const Inode* inode);

// kCorrupted.
Async<MappedRun> map_lookup(Volume* volume, InodeRef inode, u64 logical);
// [logical, logical + count) is a hole so far. May allocate blocks for the map; counts all in the inode. kNoSpace.
Async<void> map_insert(Operation* operation, InodeRef inode, u64 logical, BlockRun run, bool unwritten);
// Unmaps blocks in [from, to), the last ones first, and frees them; stops when the operation is crowded. True: nothing is left there.
Async<bool> map_erase(Operation* operation, InodeRef inode, u64 from, u64 to);
// Turns what is unwritten in [from, to) into written (or back); extents only.
Async<void> map_mark(Operation* operation, InodeRef inode, u64 from, u64 to, bool unwritten);

}  // namespace hati::ext4
