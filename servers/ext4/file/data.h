// SPDX-License-Identifier: MIT
// The contents of files. Data goes to its blocks first and is recorded after, so what a crash leaves is never another file's data.
#pragma once

#include "servers/ext4/map/map.h"

namespace hati::ext4 {

// `offset` and the piece's size are multiples of the block size. Holes, and what is beyond the last block, read as zeroes.
Async<void> read_data(Volume* volume, NodeRef node, u64 offset, Piece to);
// Also beyond the size: such blocks count from the time when the size is set. kNoSpace, kIo, kFileTooBig.
Async<void> write_data(Volume* volume, NodeRef node, u64 offset, Piece from);
// Grows (a hole) or shrinks; a shorter file's last block is zeroed behind its end. `change`: sets mtime and ctime.
Async<void> set_size(Volume* volume, NodeRef node, u64 bytes, Timestamp now, bool change);
// Frees the blocks of an inode without names and the inode itself; nobody uses it.
Async<void> delete_inode(Volume* volume, NodeRef node, Timestamp now);
// Frees blocks from `bytes` on and takes the inode off the list of orphans.
Async<void> finish_truncation(Volume* volume, NodeRef node, u64 bytes);

enum AllocateFlags : u32 { kKeepSize = 1, kPunchHole = 2, kZeroRange = 16 };
// fallocate(2). kNotSupported: other flags, or a file without extents.
Async<void> allocate_range(Volume* volume, NodeRef node, u64 offset, u64 bytes, u32 flags, Timestamp now);
// Promises blocks for a file that will be `bytes` long. kNoSpace.
Async<void> reserve_data(Volume* volume, NodeRef node, u64 bytes, bool privileged);
// lseek(2) SEEK_DATA, SEEK_HOLE by what the map says. kNoDevice: beyond the end.
Async<u64> seek_data(Volume* volume, NodeRef node, u64 offset, bool data);
// fsync(2), fdatasync(2). What was written before is durable after it.
Async<void> sync_node(Volume* volume, NodeRef node, bool data_only);

// Retries what failed for want of blocks that a commit sets free. `make` gives the task; it is no coroutine itself.
template <class F>
auto with_room(Volume* volume, F make) -> decltype(make()) {
  auto result = co_await make();
  if (result || result.error() != Errno::kNoSpace) co_return result;
  {
    auto guard = co_await volume->lock.lock();
    if (volume->held.count() <= volume->held_data) co_return result;
  }
  CO_TRY(co_await volume->commit());
  co_return co_await make();
}

}  // namespace hati::ext4
