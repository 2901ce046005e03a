// SPDX-License-Identifier: MIT
// Nodes, attributes, listing, and the short ways to data and extended attributes.
#include "servers/ext4/names/file_system.h"

#include <cstring>

#include "servers/ext4/layout/checksum.h"
#include "servers/ext4/xattr/xattr.h"

namespace hati::ext4 {

namespace {

constexpr u32 kUserFlags = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x10000 | 0x20000;  // what chattr may change

void set_permissions(Inode* inode, u32 mode) {
  inode->mode = static_cast<u16>((inode->mode & kTypeMask) | (mode & ~u32{kTypeMask} & 0xffff));
}

}  // namespace

FileSystem::FileSystem(std::unique_ptr<Volume> volume) : volume_(std::move(volume)) { volume_->node(kRootInode)->references = 1; }

Attributes read_attributes(const Volume& volume, const InodeRef& inode) {
  const Inode* raw = inode.get();
  Attributes result{.node = inode.number, .generation = raw->generation, .mode = raw->mode, .links = raw->links};
  result.uid = inode_uid(raw);
  result.gid = inode_gid(raw);
  if (is_type(raw, kCharacterDevice) || is_type(raw, kBlockDeviceMode)) result.device = inode_device(raw);
  result.size = inode_size(volume, raw);
  result.blocks = inode_blocks(volume, raw);
  result.flags = raw->flags;
  result.has_xattrs = has_xattrs(volume, inode);
  result.access = inode_time(volume, raw, TimeField::kAccess);
  result.modify = inode_time(volume, raw, TimeField::kModify);
  result.change = inode_time(volume, raw, TimeField::kChange);
  result.birth = inode_time(volume, raw, TimeField::kBirth);
  return result;
}

Async<NodeRef> FileSystem::held(u32 number) {
  auto guard = co_await volume_->lock.lock();
  if (!volume_->in_use(number)) co_return failed(Errno::kStale);
  const NodeRef node = volume_->node(number);
  if (node->references == 0) co_return failed(Errno::kStale);
  co_return node;
}

Async<Attributes> FileSystem::attributes(u32 number) {
  CO_TRY(co_await held(number));
  auto guard = co_await volume_->lock.lock();
  co_return read_attributes(*volume_, CO_TRY(co_await load_inode(volume_.get(), number)));
}

Async<InodeRef> load_directory(Volume* volume, u32 number) {
  const InodeRef inode = CO_TRY(co_await load_inode(volume, number));
  if (!is_type(inode.get(), kDirectoryMode)) co_return failed(Errno::kNotDirectory);
  if (inode->links == 0) co_return failed(Errno::kNoEntry);
  co_return inode;
}

Async<Attributes> FileSystem::lookup(u32 directory, std::string name) {
  CO_TRY(co_await held(directory));
  auto guard = co_await volume_->lock.lock();
  const InodeRef parent = CO_TRY(co_await load_directory(volume_.get(), directory));
  const FoundEntry found = CO_TRY(co_await directory_find(volume_.get(), parent, name));
  auto inode = co_await load_inode(volume_.get(), found.inode);
  if (!inode && inode.error() == Errno::kStale) co_return volume_->corrupted(directory, "a name refers to a free inode");
  if (!inode) co_return failed(inode.error());
  if (found.inode < volume_->geometry.first_inode && found.inode != kRootInode)
    co_return volume_->corrupted(directory, "a name refers to a reserved inode");
  volume_->node(found.inode)->references += 1;
  co_return read_attributes(*volume_, *inode);
}

Async<std::vector<ListedEntry>> FileSystem::list(u32 directory, u64 cookie, usize count_max) {
  CO_TRY(co_await held(directory));
  auto guard = co_await volume_->lock.lock();
  const InodeRef inode = CO_TRY(co_await load_inode(volume_.get(), directory));
  if (!is_type(inode.get(), kDirectoryMode)) co_return failed(Errno::kNotDirectory);
  if (inode->links == 0) co_return std::vector<ListedEntry>{};
  co_return co_await directory_list(volume_.get(), inode, cookie, std::max<usize>(count_max, 1));
}

Async<std::string> FileSystem::read_link(u32 node) {
  CO_TRY(co_await held(node));
  auto guard = co_await volume_->lock.lock();
  const InodeRef inode = CO_TRY(co_await load_inode(volume_.get(), node));
  if (!is_type(inode.get(), kSymlinkMode)) co_return failed(Errno::kInvalid);
  const u64 size = inode_size(*volume_, inode.get());
  const u64 own = xattr_block(inode.get()) != 0 ? volume_->geometry.block_size / 512 : 0;
  if ((inode->flags & kExtentsFlag) == 0 && inode_blocks(*volume_, inode.get()) == own) {
    if (size >= sizeof(inode->block)) co_return volume_->corrupted(node, "bad length of a symbolic link");
    co_return std::string(reinterpret_cast<const char*>(inode->block), size);
  }
  if (size >= volume_->geometry.block_size) co_return volume_->corrupted(node, "bad length of a symbolic link");
  const MappedRun run = CO_TRY(co_await map_lookup(volume_.get(), inode, 0));
  if (run.physical == 0) co_return volume_->corrupted(node, "a symbolic link without contents");
  const BufferRef buffer = CO_TRY(co_await volume_->cache.read(run.physical));
  if (buffer->kind == BlockKind::kNone) buffer->kind = BlockKind::kSymlink;
  if (buffer->kind != BlockKind::kSymlink) co_return volume_->corrupted(node, "a symbolic link's block is in use as something else");
  co_return std::string(buffer->as<const char>(), size);
}

Async<Statistics> FileSystem::statistics() {
  auto guard = co_await volume_->lock.lock();
  const Geometry& geometry = volume_->geometry;
  Statistics result{.inodes = geometry.inodes, .free_inodes = volume_->superblock().free_inodes, .block_size = geometry.block_size};
  // As Linux counts: without the file system's own structures.
  const u32 stored = volume_->superblock().overhead_blocks;
  const u64 overhead = stored != 0 ? stored : geometry.first_data_block + volume_->system.count();
  result.blocks = geometry.blocks - std::min(geometry.blocks, overhead);
  result.free = volume_->available(true);
  result.available = volume_->available(false);
  u64 halves[2];
  std::memcpy(halves, volume_->superblock().uuid, 16);
  result.id = halves[0] ^ halves[1];
  co_return result;
}

Async<void> FileSystem::change_once(u32 number, AttributeChange change, Caller caller) {
  const NodeRef node = CO_TRY(co_await held(number));
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume_.get(), number));
  Inode* raw = operation.modify(inode);
  if ((change.bits & AttributeChange::kMode) != 0) set_permissions(raw, change.mode);
  const u32 uid = (change.bits & AttributeChange::kUid) != 0 ? change.uid : inode_uid(raw);
  const u32 gid = (change.bits & AttributeChange::kGid) != 0 ? change.gid : inode_gid(raw);
  set_owner(raw, uid, gid);
  if ((change.bits & AttributeChange::kFlags) != 0) raw->flags = (raw->flags & ~kUserFlags) | (change.flags & kUserFlags);
  if ((change.bits & AttributeChange::kAccess) != 0) set_inode_time(*volume_, raw, TimeField::kAccess, change.access);
  if ((change.bits & AttributeChange::kModify) != 0) set_inode_time(*volume_, raw, TimeField::kModify, change.modify);
  set_inode_time(*volume_, raw, TimeField::kChange, (change.bits & AttributeChange::kChange) != 0 ? change.change : caller.now);
  operation.touch(node, false);
  operation.finish();
  co_return Outcome<void>{};
}

Async<Attributes> FileSystem::set_attributes(u32 number, AttributeChange change, Caller caller) {
  const NodeRef node = CO_TRY(co_await held(number));
  if ((change.bits & AttributeChange::kSize) != 0) {
    const bool own_times = (change.bits & AttributeChange::kModify) != 0;
    CO_TRY(co_await set_size(volume_.get(), node, change.size, caller.now, !own_times));
  }
  if ((change.bits & ~u32{AttributeChange::kSize}) != 0) CO_TRY(co_await change_once(number, change, caller));
  co_return co_await attributes(number);
}

Async<void> FileSystem::forget(u32 number, u64 count, Timestamp now) {
  {
    auto guard = co_await volume_->lock.lock();
    if (!volume_->in_use(number)) co_return failed(Errno::kStale);
    const NodeRef node = volume_->node(number);
    if (node->references < count) co_return failed(Errno::kInvalid);
    node->references -= count;
    if (node->references != 0) co_return Outcome<void>{};
  }
  co_return co_await release_if_unused(number, now);
}

// Without references: forgotten; without names too: deleted.
Async<void> FileSystem::release_if_unused(u32 number, Timestamp now) {
  NodeRef node;
  bool deleted = false;
  {
    auto guard = co_await volume_->lock.lock();
    node = volume_->node(number);
    if (node->references != 0 || node->deleting) co_return Outcome<void>{};
    auto inode = co_await load_inode(volume_.get(), number);
    deleted = inode && (*inode)->links == 0 && !volume_->read_only;
    node->deleting = deleted;
  }
  if (deleted) CO_TRY(co_await delete_inode(volume_.get(), node, now));
  auto guard = co_await volume_->lock.lock();
  volume_->drop_node(node);
  co_return Outcome<void>{};
}

Async<std::vector<std::string>> FileSystem::list_xattrs(u32 node) {
  CO_TRY(co_await held(node));
  auto guard = co_await volume_->lock.lock();
  co_return co_await xattr_list(volume_.get(), CO_TRY(co_await load_inode(volume_.get(), node)));
}
Async<std::string> FileSystem::get_xattr(u32 node, std::string name) {
  CO_TRY(co_await held(node));
  auto guard = co_await volume_->lock.lock();
  co_return co_await xattr_get(volume_.get(), CO_TRY(co_await load_inode(volume_.get(), node)), name);
}
Async<void> FileSystem::change_xattr_once(u32 number, XattrChange change, Caller caller) {
  const NodeRef node = CO_TRY(co_await held(number));
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const InodeRef inode = CO_TRY(co_await load_inode(volume_.get(), number));
  if (change.remove) {
    CO_TRY(co_await xattr_remove(&operation, inode, change.name));
  } else {
    CO_TRY(co_await xattr_set(&operation, inode, change.name, change.value, change.flags));
  }
  Inode* raw = operation.modify(inode);
  if (change.mode != 0) set_permissions(raw, change.mode);
  set_inode_time(*volume_, raw, TimeField::kChange, caller.now);
  operation.touch(node, false);
  operation.finish();
  co_return Outcome<void>{};
}
Async<void> FileSystem::set_xattr(u32 node, std::string name, std::string value, u32 flags, Caller caller, u32 mode) {
  const XattrChange change{.name = std::move(name), .value = std::move(value), .flags = flags, .mode = mode};
  co_return co_await with_room(volume_.get(), [&] { return change_xattr_once(node, change, caller); });
}
Async<void> FileSystem::remove_xattr(u32 node, std::string name, Caller caller, u32 mode) {
  co_return co_await change_xattr_once(node, {.name = std::move(name), .remove = true, .mode = mode}, caller);
}

Async<void> FileSystem::read(u32 node, u64 offset, Piece to) {
  co_return co_await read_data(volume_.get(), CO_TRY(co_await held(node)), offset, to);
}
Async<void> FileSystem::write(u32 node, u64 offset, Piece from) {
  co_return co_await write_data(volume_.get(), CO_TRY(co_await held(node)), offset, from);
}
Async<void> FileSystem::reserve(u32 number, u64 bytes, Caller caller) {
  const NodeRef node = CO_TRY(co_await held(number));
  Volume* volume = volume_.get();
  co_return co_await reserve_data(volume, node, bytes, caller.privileged);
}
Async<void> FileSystem::allocate(u32 node, u64 offset, u64 bytes, u32 flags, Caller caller) {
  co_return co_await allocate_range(volume_.get(), CO_TRY(co_await held(node)), offset, bytes, flags, caller.now);
}
Async<u64> FileSystem::seek(u32 node, u64 offset, bool data) {
  co_return co_await seek_data(volume_.get(), CO_TRY(co_await held(node)), offset, data);
}
Async<void> FileSystem::sync_node(u32 node, bool data_only) {
  co_return co_await ext4::sync_node(volume_.get(), CO_TRY(co_await held(node)), data_only);
}

}  // namespace hati::ext4
