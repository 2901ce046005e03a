// SPDX-License-Identifier: MIT
// Checksums of blocks, inodes and descriptors: computing them before a block goes out, checking them when it came in.
#pragma once

#include "servers/ext4/volume/volume.h"

namespace hati::ext4 {

u32 superblock_checksum(const Superblock& superblock);
u16 group_checksum(const Geometry& geometry, const Superblock& superblock, u32 group, const GroupDescriptor& descriptor);
u32 inode_checksum(const Geometry& geometry, u32 number, const Inode* inode);
// Of blocks that an inode owns.
u32 inode_seed(const Geometry& geometry, u32 number, u32 generation);
void set_inode_checksum(const Geometry& geometry, u32 number, Inode* inode);
bool inode_checksum_matches(const Geometry& geometry, u32 number, const Inode* inode);
// Bitmaps' checksums lie in their descriptor.
u32 bitmap_checksum(const Geometry& geometry, const Buffer& bitmap);

// Blocks that carry their own: by buffer.kind. Others: nothing to do, and true.
void seal_block(const Geometry& geometry, const Buffer& buffer);
bool sealed(const Geometry& geometry, const Buffer& buffer);

// A field of `inode` that ends at byte `end` exists.
bool inode_has(const Geometry& geometry, const Inode* inode, usize end);

}  // namespace hati::ext4
