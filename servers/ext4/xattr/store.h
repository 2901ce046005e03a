// SPDX-License-Identifier: MIT
// Attributes as lists, and where they are stored.
#pragma once

#include "servers/ext4/layout/directory.h"
#include "servers/ext4/xattr/xattr.h"

namespace hati::ext4 {

// All attributes of an inode. kCorrupted.
Async<std::vector<Xattr>> load_xattrs(Volume* volume, InodeRef inode);
// Replaces them: in the inode as far as they fit, the rest in the block. kNoSpace.
Async<void> store_xattrs(Operation* operation, InodeRef inode, std::vector<Xattr> attributes);

}  // namespace hati::ext4
