// SPDX-License-Identifier: MIT
// Extended attributes: behind the inode's fields, and in one block beside it. Values as Linux's calls have them (POSIX ACLs are converted).
#pragma once

#include <string>
#include <string_view>

#include "servers/ext4/volume/blocks.h"
#include "servers/ext4/volume/inodes.h"

namespace hati::ext4 {

struct Xattr {
  u8 index = 0;  // of the name's prefix on the disk
  std::string name;  // without the prefix
  std::string value;  // as on the disk
};

enum XattrFlags : u32 { kXattrCreate = 1, kXattrReplace = 2 };

inline constexpr std::string_view kAccessListName = "system.posix_acl_access", kDefaultListName = "system.posix_acl_default";

// Whether there may be any, as far as the inode tells.
bool has_xattrs(const Volume& volume, const InodeRef& inode);
// Names with their prefixes.
Async<std::vector<std::string>> xattr_list(Volume* volume, InodeRef inode);
// kNoData, kNotSupported: an unknown prefix.
Async<std::string> xattr_get(Volume* volume, InodeRef inode, std::string_view name);
// kExists, kNoData by `flags`; kNoSpace: too much for one block.
Async<void> xattr_set(Operation* operation, InodeRef inode, std::string_view name, std::string_view value, u32 flags);
Async<void> xattr_remove(Operation* operation, InodeRef inode, std::string_view name);
// Of an inode that goes: its block is freed, or has one user less.
Async<void> xattr_release(Operation* operation, InodeRef inode);

// acl.cpp: between the disk's form and that of getxattr(2). kInvalid.
Outcome<std::string> acl_from_disk(std::string_view disk);
Outcome<std::string> acl_to_disk(std::string_view value);

}  // namespace hati::ext4
