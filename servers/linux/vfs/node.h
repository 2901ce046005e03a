// SPDX-License-Identifier: MIT
// What creation and removal of names share: owners of new nodes, the rights needed, sticky directories.
#pragma once

#include "servers/linux/core/thread.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

// Mode (with type), umask (unless `parent` has a default access list), owner and set-group-ID as inode creation demands; `parent` is the directory.
NewNode new_node(Thread& thread, Inode& parent, u32 mode, u64 device_number = 0);
// The mutex of `parent` is held: the directory still exists, is writable and lies on a writable mount.
SysResult<> may_create(Thread& thread, const Path& parent);
// unlink(2), rmdir(2), rename(2): as above, and the sticky bit. `want_directory`: kNOTDIR / kISDIR otherwise.
SysResult<> may_delete(Thread& thread, const Path& parent, const Dentry& victim, bool want_directory);
// Member of the group or CAP_FSETID: may set or keep the set-group-ID bit of its files.
bool may_set_group_id(const Credentials& credentials, u32 group);
// Owner of the inode or CAP_FOWNER.
bool owns(const Credentials& credentials, const Inode& inode);

// unlink(2) of a name that is no directory.
Task<SysResult<i64>> unlink_file(Thread& thread, i32 dirfd, std::string path);

// The last step of open(2) on a place that exists. `created`: just made, so that nothing is checked.
SysResult<Ref<File>> open_place_now(Thread& thread, const Path& place, u32 flags, bool created);
Task<SysResult<Ref<File>>> open_place(Thread& thread, Path place, u32 flags, bool created);

}  // namespace hati::linux
