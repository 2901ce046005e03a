// SPDX-License-Identifier: MIT
// Creating, linking and removing names.
#include <cstring>

#include "servers/ext4/names/file_system.h"
#include "servers/ext4/xattr/xattr.h"

namespace hati::ext4 {

namespace {

constexpr u16 kLinksUnknown = 1;  // of a directory with more subdirectories than the field can count

Async<void> write_symlink(Operation* operation, InodeRef inode, std::string_view target) {
  Volume& volume = operation->volume;
  Inode* raw = operation->modify(inode);
  raw->size_lo = static_cast<u32>(target.size());
  if (target.size() < sizeof(raw->block)) {
    std::memcpy(raw->block, target.data(), target.size());
    co_return Outcome<void>{};
  }
  if ((volume.geometry.incompatible & kExtents) != 0) {
    raw->flags |= kExtentsFlag;
    const ExtentHeader header{.magic = kExtentMagic, .entries = 0, .capacity = 4, .depth = 0, .generation = 0};
    std::memcpy(raw->block, &header, sizeof(header));
  }
  const u64 block = CO_TRY(co_await allocate_block(operation, volume.geometry.group_first(volume.geometry.inode_group(inode.number))));
  const BufferRef buffer = CO_TRY(operation->fresh(block, BlockKind::kSymlink, 0));
  std::memcpy(buffer->data.get(), target.data(), target.size());
  co_return co_await map_insert(operation, inode, 0, {block, 1}, false);
}

// The inode of a new name, with its contents.
Async<InodeRef> make_inode(Operation* operation, InodeRef parent, NewNode wanted, Caller caller) {
  const u16 type = wanted.mode & kTypeMask;
  NewInode request{.parent = parent.number, .mode = static_cast<u16>(wanted.mode), .uid = caller.uid, .gid = caller.gid, .now = caller.now};
  if (type == kDirectoryMode || type == kRegular) request.flags = parent->flags & kInherited;
  const InodeRef inode = CO_TRY(co_await allocate_inode(operation, request));
  if (type == kCharacterDevice || type == kBlockDeviceMode) set_inode_device(operation->modify(inode), wanted.device);
  if (type == kSymlinkMode) CO_TRY(co_await write_symlink(operation, inode, wanted.target));
  if (type == kDirectoryMode) {
    CO_TRY(co_await directory_make(operation, inode, parent.number));
    operation->modify(inode)->links = 2;
  }
  if (!wanted.access_list.empty()) CO_TRY(co_await xattr_set(operation, inode, kAccessListName, wanted.access_list, 0));
  if (!wanted.default_list.empty()) CO_TRY(co_await xattr_set(operation, inode, kDefaultListName, wanted.default_list, 0));
  co_return inode;
}

Outcome<void> check_new(const Volume& volume, const NewNode& wanted) {
  switch (wanted.mode & kTypeMask) {
    case kRegular:
    case kDirectoryMode:
    case kFifo:
    case kSocket:
    case kCharacterDevice:
    case kBlockDeviceMode: return {};
    case kSymlinkMode:
      if (wanted.target.empty()) return failed(Errno::kNoEntry);
      if (wanted.target.size() >= volume.geometry.block_size) return failed(Errno::kNameTooLong);
      return {};
    default: return failed(Errno::kInvalid);
  }
}

// kExists if the name is there.
Async<void> check_absent(Volume* volume, InodeRef directory, std::string_view name) {
  auto found = co_await directory_find(volume, directory, name);
  if (found) co_return failed(Errno::kExists);
  if (found.error() != Errno::kNoEntry) co_return failed(found.error());
  co_return Outcome<void>{};
}

}  // namespace

Outcome<void> check_name(std::string_view name) {
  if (name.size() > kNameMax) return failed(Errno::kNameTooLong);
  if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos) return failed(Errno::kInvalid);
  return {};
}

void touch_directory(Operation* operation, const InodeRef& directory, Timestamp now) {
  Inode* raw = operation->modify(directory);
  set_inode_time(operation->volume, raw, TimeField::kModify, now);
  set_inode_time(operation->volume, raw, TimeField::kChange, now);
  operation->volume.last_time = now;
  if (operation->volume.in_use(directory.number)) operation->touch(operation->volume.node(directory.number), true);
}

bool can_link(const Volume& volume, const InodeRef& inode) {
  if (inode->links < kLinksMax) return true;
  return is_type(inode.get(), kDirectoryMode) && (volume.geometry.read_only & kDirectoryLinks) != 0;
}

void add_link(Operation* operation, const InodeRef& inode) {
  Inode* raw = operation->modify(inode);
  const bool directory = is_type(raw, kDirectoryMode);
  if (directory && raw->links == kLinksUnknown) return;
  raw->links += 1;
  if (directory && raw->links > kLinksMax) raw->links = kLinksUnknown;
}

void drop_link(Operation* operation, const InodeRef& inode) {
  Inode* raw = operation->modify(inode);
  if (raw->links > (is_type(raw, kDirectoryMode) ? 2 : 0)) raw->links -= 1;
}

Async<void> drop_name(Operation* operation, InodeRef inode, Timestamp now) {
  Inode* raw = operation->modify(inode);
  if (raw->links == 0) co_return operation->volume.corrupted(inode.number, "a name of an inode without links");
  if (is_type(raw, kDirectoryMode)) {
    raw->links = 0;
  } else {
    raw->links -= 1;
  }
  set_inode_time(operation->volume, raw, TimeField::kChange, now);
  if (operation->volume.in_use(inode.number)) operation->touch(operation->volume.node(inode.number), false);
  if (raw->links == 0) CO_TRY(co_await add_orphan(operation, inode));
  co_return Outcome<void>{};
}

Async<Attributes> FileSystem::name_new(u32 directory, std::string name, NewNode wanted, Caller caller) {
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const InodeRef parent = CO_TRY(co_await load_directory(volume_.get(), directory));
  CO_TRY(co_await check_absent(volume_.get(), parent, name));
  const bool is_directory = (wanted.mode & kTypeMask) == kDirectoryMode;
  if (is_directory && !can_link(*volume_, parent)) co_return failed(Errno::kTooManyLinks);
  const InodeRef inode = CO_TRY(co_await make_inode(&operation, parent, wanted, caller));
  CO_TRY(co_await directory_add(&operation, parent, name, inode.number, entry_type(static_cast<u16>(wanted.mode))));
  if (is_directory) add_link(&operation, parent);
  touch_directory(&operation, parent, caller.now);
  const NodeRef node = volume_->node(inode.number);
  node->references += 1;
  operation.touch(node, true);
  const Attributes result = read_attributes(*volume_, inode);
  operation.finish();
  co_return result;
}

Async<Attributes> FileSystem::create(u32 directory, std::string name, NewNode wanted, Caller caller) {
  CO_TRY(check_name(name));
  CO_TRY(check_new(*volume_, wanted));
  CO_TRY(co_await held(directory));
  co_return co_await with_room(volume_.get(), [&] { return name_new(directory, name, wanted, caller); });
}

Async<Attributes> FileSystem::create_unnamed(u32 directory, NewNode wanted, Caller caller) {
  if ((wanted.mode & kTypeMask) != kRegular) co_return failed(Errno::kInvalid);
  CO_TRY(co_await held(directory));
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const InodeRef parent = CO_TRY(co_await load_directory(volume_.get(), directory));
  const InodeRef inode = CO_TRY(co_await make_inode(&operation, parent, wanted, caller));
  operation.modify(inode)->links = 0;
  CO_TRY(co_await add_orphan(&operation, inode));
  const NodeRef node = volume_->node(inode.number);
  node->references += 1;
  operation.touch(node, true);
  const Attributes result = read_attributes(*volume_, inode);
  operation.finish();
  co_return result;
}

Async<Attributes> FileSystem::link_once(u32 number, u32 directory, std::string name, Caller caller) {
  const NodeRef node = CO_TRY(co_await held(number));
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const InodeRef parent = CO_TRY(co_await load_directory(volume_.get(), directory));
  const InodeRef inode = CO_TRY(co_await load_inode(volume_.get(), number));
  if (is_type(inode.get(), kDirectoryMode)) co_return failed(Errno::kPermission);
  if (!can_link(*volume_, inode)) co_return failed(Errno::kTooManyLinks);
  CO_TRY(co_await check_absent(volume_.get(), parent, name));
  if (inode->links == 0) CO_TRY(co_await remove_orphan(&operation, inode));
  add_link(&operation, inode);
  set_inode_time(*volume_, operation.modify(inode), TimeField::kChange, caller.now);
  CO_TRY(co_await directory_add(&operation, parent, name, number, entry_type(inode->mode)));
  touch_directory(&operation, parent, caller.now);
  node->references += 1;
  operation.touch(node, true);
  const Attributes result = read_attributes(*volume_, inode);
  operation.finish();
  co_return result;
}

Async<Attributes> FileSystem::link(u32 node, u32 directory, std::string name, Caller caller) {
  CO_TRY(check_name(name));
  CO_TRY(co_await held(directory));
  co_return co_await with_room(volume_.get(), [&] { return link_once(node, directory, name, caller); });
}

Async<u32> FileSystem::unlink_once(u32 directory, std::string name, bool is_directory, Caller caller) {
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const InodeRef parent = CO_TRY(co_await load_directory(volume_.get(), directory));
  const FoundEntry found = CO_TRY(co_await directory_find(volume_.get(), parent, name));
  auto loaded = co_await load_inode(volume_.get(), found.inode);
  if (!loaded && loaded.error() == Errno::kStale) co_return volume_->corrupted(directory, "a name refers to a free inode");
  const InodeRef inode = CO_TRY(std::move(loaded));
  if (is_type(inode.get(), kDirectoryMode) != is_directory) co_return failed(is_directory ? Errno::kNotDirectory : Errno::kIsDirectory);
  if (is_directory && inode.number == kRootInode) co_return failed(Errno::kBusy);
  if (is_directory && !CO_TRY(co_await directory_empty(volume_.get(), inode))) co_return failed(Errno::kNotEmpty);
  CO_TRY(co_await directory_remove(&operation, parent, found));
  if (is_directory) drop_link(&operation, parent);
  CO_TRY(co_await drop_name(&operation, inode, caller.now));
  touch_directory(&operation, parent, caller.now);
  operation.finish();
  co_return inode.number;
}

Async<u32> FileSystem::unlink(u32 directory, std::string name, Caller caller) {
  CO_TRY(check_name(name));
  if (name == "." || name == "..") co_return failed(Errno::kIsDirectory);
  CO_TRY(co_await held(directory));
  const u32 number = CO_TRY(co_await unlink_once(directory, name, false, caller));
  CO_TRY(co_await release_if_unused(number, caller.now));
  co_return number;
}

Async<u32> FileSystem::remove_directory(u32 directory, std::string name, Caller caller) {
  CO_TRY(check_name(name));
  if (name == ".") co_return failed(Errno::kInvalid);
  if (name == "..") co_return failed(Errno::kNotEmpty);
  CO_TRY(co_await held(directory));
  const u32 number = CO_TRY(co_await unlink_once(directory, name, true, caller));
  CO_TRY(co_await release_if_unused(number, caller.now));
  co_return number;
}

}  // namespace hati::ext4
