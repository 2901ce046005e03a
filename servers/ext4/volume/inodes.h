// SPDX-License-Identifier: MIT
// Inodes: loading, fields that are spread over several places, allocating and freeing, the list of orphans.
#pragma once

#include "servers/ext4/volume/operation.h"

namespace hati::ext4 {

// kStale: free, or no such number; kCorrupted.
Async<InodeRef> load_inode(Volume* volume, u32 number);
// Also where it may be free (allocation, orphans).
Async<InodeRef> load_inode_slot(Volume* volume, u32 number);

u64 inode_size(const Volume& volume, const Inode* inode);
void set_inode_size(const Volume& volume, Inode* inode, u64 bytes);
u64 inode_blocks(const Volume& volume, const Inode* inode);  // in units of 512 bytes
void add_inode_blocks(const Volume& volume, Inode* inode, i64 blocks);  // blocks of the file system
u64 xattr_block(const Inode* inode);
void set_xattr_block(Inode* inode, u64 block);
u32 inode_uid(const Inode* inode);
u32 inode_gid(const Inode* inode);
void set_owner(Inode* inode, u32 uid, u32 gid);
u64 inode_device(const Inode* inode);  // Linux's st_rdev
void set_inode_device(Inode* inode, u64 device);
inline bool is_type(const Inode* inode, u16 type) { return (inode->mode & kTypeMask) == type; }
inline bool has_map(const Inode* inode) {
  return is_type(inode, kRegular) || is_type(inode, kDirectoryMode) || is_type(inode, kSymlinkMode);
}
u32 block_seed(const Volume& volume, const InodeRef& inode);

enum class TimeField { kAccess, kModify, kChange, kBirth };
Timestamp inode_time(const Volume& volume, const Inode* inode, TimeField field);
void set_inode_time(const Volume& volume, Inode* inode, TimeField field, Timestamp time);

// A new inode: empty, with mode, owner, times, links 1. kNoSpace.
struct NewInode {
  u32 parent = kRootInode;
  u16 mode = 0;
  u32 uid = 0, gid = 0;
  u32 flags = 0;
  Timestamp now;
};
Async<InodeRef> allocate_inode(Operation* operation, NewInode wanted);
// Its blocks are gone already.
Async<void> free_inode(Operation* operation, InodeRef inode, Timestamp now);

// The list in the superblock of inodes to truncate or delete at the next mount.
Async<void> add_orphan(Operation* operation, InodeRef inode);
Async<void> remove_orphan(Operation* operation, InodeRef inode);

}  // namespace hati::ext4
