// SPDX-License-Identifier: MIT
// Inodes that were deleted or truncated when the system stopped.
#pragma once

#include "servers/ext4/volume/volume.h"

namespace hati::ext4 {

// Frees what no name refers to any more and finishes truncations: the superblock's list and the orphan file.
Async<void> process_orphans(Volume* volume, Timestamp now);

}  // namespace hati::ext4
