// SPDX-License-Identifier: MIT
// Directories: finding, adding and removing entries, in plain blocks or a hash tree. Under Volume::lock. Times, link counts and
// permissions are the caller's.
#pragma once

#include <string>

#include "servers/ext4/layout/directory.h"
#include "servers/ext4/layout/hash.h"
#include "servers/ext4/map/map.h"

namespace hati::ext4 {

struct FoundEntry {
  BufferRef buffer;
  u32 offset = 0;
  u32 inode = 0;
  u8 type = 0;  // kTypeUnknown without the file type feature
};

// kNoEntry, kCorrupted.
Async<FoundEntry> directory_find(Volume* volume, InodeRef directory, std::string_view name);
// The name is not there yet. kNoSpace.
Async<void> directory_add(Operation* operation, InodeRef directory, std::string_view name, u32 inode, u8 type);
Async<void> directory_remove(Operation* operation, InodeRef directory, FoundEntry entry);
// The entry names another inode from now on.
void directory_change(Operation* operation, FoundEntry entry, u32 inode, u8 type);
// The first block of a new directory.
Async<void> directory_make(Operation* operation, InodeRef directory, u32 parent);
Async<u32> directory_parent(Volume* volume, InodeRef directory);
Async<void> directory_set_parent(Operation* operation, InodeRef directory, u32 parent);
// Nothing but "." and "..".
Async<bool> directory_empty(Volume* volume, InodeRef directory);

struct ListedEntry {
  u64 next = 0;  // where to go on after it
  u32 inode = 0;
  u8 type = 0;
  std::string name;
};
// Entries from `cookie` on (0: the beginning), about `count_max` of them; none: the end. Cookies stay valid while names come and go.
Async<std::vector<ListedEntry>> directory_list(Volume* volume, InodeRef directory, u64 cookie, usize count_max);

u8 entry_type(u16 mode);

}  // namespace hati::ext4
