// SPDX-License-Identifier: MIT
// What a client may do with a mounted volume: the operations behind protocols/file_system.h. Nodes are inode numbers that the client holds
// references to: a reply that names one adds a reference, forget() gives them back. Permissions are the client's business.
#pragma once

#include "servers/ext4/directory/directory.h"
#include "servers/ext4/file/data.h"

namespace hati::ext4 {

struct Attributes {
  u32 node = 0;
  u32 generation = 0;
  u32 mode = 0;
  u32 links = 0;
  u32 uid = 0, gid = 0;
  u64 device = 0;  // st_rdev
  u64 size = 0;
  u64 blocks = 0;  // of 512 bytes
  u32 flags = 0;   // as FS_IOC_GETFLAGS
  bool has_xattrs = false;
  Timestamp access, modify, change, birth;
};

struct AttributeChange {
  enum Bits : u32 { kMode = 1, kUid = 2, kGid = 4, kSize = 8, kAccess = 16, kModify = 32, kChange = 64, kFlags = 128 };
  u32 bits = 0;
  u32 mode = 0, uid = 0, gid = 0, flags = 0;
  u64 size = 0;
  Timestamp access, modify, change;
};

struct NewNode {
  u32 mode = 0;  // with type
  u64 device = 0;
  std::string target;  // of a symbolic link
  std::string access_list, default_list;  // POSIX lists as in getxattr(2); empty: none
};

struct XattrChange {
  std::string name, value;
  u32 flags = 0;
  bool remove = false;
  u32 mode = 0;
};

enum RenameFlags : u32 { kRenameNoReplace = 1, kRenameExchange = 2, kRenameWhiteout = 4 };

struct Statistics {
  u64 blocks = 0, free = 0, available = 0;  // blocks; available to users
  u64 inodes = 0, free_inodes = 0;
  u32 block_size = 0;
  u64 id = 0;
};

class FileSystem {
 public:
  // The client holds the root from here on.
  explicit FileSystem(std::unique_ptr<Volume> volume);

  Async<Attributes> attributes(u32 node);
  Async<Attributes> lookup(u32 directory, std::string name);
  Async<void> forget(u32 node, u64 count, Timestamp now);
  Async<std::vector<ListedEntry>> list(u32 directory, u64 cookie, usize count_max);
  Async<std::string> read_link(u32 node);
  Async<Statistics> statistics();

  // EEXIST, ENOSPC, EMLINK, ENAMETOOLONG ... as the calls of their names. create: file, directory, symbolic link, device, fifo, socket.
  Async<Attributes> create(u32 directory, std::string name, NewNode wanted, Caller caller);
  Async<Attributes> create_unnamed(u32 directory, NewNode wanted, Caller caller);  // O_TMPFILE; link() can name it
  Async<Attributes> link(u32 node, u32 directory, std::string name, Caller caller);
  // The number of what lost its name.
  Async<u32> unlink(u32 directory, std::string name, Caller caller);
  Async<u32> remove_directory(u32 directory, std::string name, Caller caller);
  Async<void> rename(u32 from, std::string from_name, u32 to, std::string to_name, u32 flags, Caller caller);
  Async<Attributes> set_attributes(u32 node, AttributeChange change, Caller caller);

  Async<std::vector<std::string>> list_xattrs(u32 node);
  Async<std::string> get_xattr(u32 node, std::string name);
  // mode: new permissions with it; 0: as they are.
  Async<void> set_xattr(u32 node, std::string name, std::string value, u32 flags, Caller caller, u32 mode = 0);
  Async<void> remove_xattr(u32 node, std::string name, Caller caller, u32 mode = 0);

  Async<void> read(u32 node, u64 offset, Piece to);
  Async<void> write(u32 node, u64 offset, Piece from);
  Async<void> reserve(u32 node, u64 bytes, Caller caller);
  Async<void> allocate(u32 node, u64 offset, u64 bytes, u32 flags, Caller caller);
  Async<u64> seek(u32 node, u64 offset, bool data);
  Async<void> sync_node(u32 node, bool data_only);

  Volume& volume() { return *volume_; }

 private:
  // A node that the client holds. kStale.
  Async<NodeRef> held(u32 number);
  Async<Attributes> name_new(u32 directory, std::string name, NewNode wanted, Caller caller);
  Async<Attributes> link_once(u32 number, u32 directory, std::string name, Caller caller);
  Async<u32> unlink_once(u32 directory, std::string name, bool is_directory, Caller caller);
  Async<u32> rename_once(u32 from, std::string from_name, u32 to, std::string to_name, u32 flags, Caller caller);
  Async<void> change_xattr_once(u32 number, XattrChange change, Caller caller);
  Async<void> change_once(u32 number, AttributeChange change, Caller caller);
  Async<void> release_if_unused(u32 number, Timestamp now);

  std::unique_ptr<Volume> volume_;
};

// Under Volume::lock; shared by the files of this folder.
Attributes read_attributes(const Volume& volume, const InodeRef& inode);
// A directory that is not deleted. kNotDirectory, kNoEntry.
Async<InodeRef> load_directory(Volume* volume, u32 number);
// Contents moved, names came or went.
void touch_directory(Operation* operation, const InodeRef& directory, Timestamp now);
Outcome<void> check_name(std::string_view name);
bool can_link(const Volume& volume, const InodeRef& inode);
void add_link(Operation* operation, const InodeRef& inode);
void drop_link(Operation* operation, const InodeRef& inode);
// The last name of it went: on the list of orphans.
Async<void> drop_name(Operation* operation, InodeRef inode, Timestamp now);

}  // namespace hati::ext4
