// SPDX-License-Identifier: MIT
#pragma once

#include "servers/ext4/file/data.h"

namespace hati::ext4 {

// Zeroes a part of one block of a file on the disk, if it is mapped as written. Nobody else is inside the node's gate.
Async<void> zero_in_block(Volume* volume, NodeRef node, u64 offset, u64 bytes);

}  // namespace hati::ext4
