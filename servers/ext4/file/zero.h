// SPDX-License-Identifier: MIT
// What the files of this folder share.
#pragma once

#include "servers/ext4/file/data.h"

namespace hati::ext4 {

// Zeroes a part of one block of a file on the disk, if it is mapped as written. Nobody else is inside the node's gate.
Async<void> zero_in_block(Volume* volume, NodeRef node, u64 offset, u64 bytes);

// Records what was written ahead of the size in blocks before `blocks`; the caller takes it out of `ahead` when the operation succeeds.
Async<void> mark_ahead(Operation* operation, NodeRef node, InodeRef inode, u64 blocks);
// Where data of a block is, also of what was written beyond the size. Takes the lock.
Async<MappedRun> lookup_data(Volume* volume, NodeRef node, u64 logical);

}  // namespace hati::ext4
