// SPDX-License-Identifier: MIT
// rename(2), renameat2(2): one operation, so a crash leaves the old names or the new ones.
#include <unordered_set>

#include "servers/ext4/names/file_system.h"

namespace hati::ext4 {

namespace {

struct Side {
  InodeRef directory;
  std::string_view name;
  FoundEntry entry;
  InodeRef inode;       // what the name refers to
  bool present = false;
  bool is_directory() const { return present && is_type(inode.get(), kDirectoryMode); }
};

Async<Side> load_side(Volume* volume, u32 directory, std::string_view name) {
  Side side{.directory = CO_TRY(co_await load_directory(volume, directory)), .name = name};
  auto found = co_await directory_find(volume, side.directory, name);
  if (!found && found.error() != Errno::kNoEntry) co_return failed(found.error());
  if (!found) co_return side;
  side.entry = *found;
  auto inode = co_await load_inode(volume, found->inode);
  if (!inode && inode.error() == Errno::kStale) co_return volume->corrupted(directory, "a name refers to a free inode");
  side.inode = CO_TRY(std::move(inode));
  side.present = true;
  co_return side;
}

// kInvalid: `directory` is `ancestor` or lies below it.
Async<void> check_not_below(Volume* volume, InodeRef directory, u32 ancestor) {
  std::unordered_set<u32> seen;
  for (u32 at = directory.number;;) {
    if (at == ancestor) co_return failed(Errno::kInvalid);
    if (at == kRootInode) co_return Outcome<void>{};
    if (!seen.insert(at).second) co_return volume->corrupted(at, "directories in a circle");
    const InodeRef inode = CO_TRY(co_await load_directory(volume, at));
    at = CO_TRY(co_await directory_parent(volume, inode));
  }
}

Async<void> check(Volume* volume, const Side* from, const Side* to, u32 flags) {
  const bool exchange = (flags & kRenameExchange) != 0;
  if (!from->present) co_return failed(Errno::kNoEntry);
  if (exchange && !to->present) co_return failed(Errno::kNoEntry);
  if ((flags & kRenameNoReplace) != 0 && to->present) co_return failed(Errno::kExists);
  if (from->is_directory() && from->directory.number != to->directory.number) {
    CO_TRY(co_await check_not_below(volume, to->directory, from->inode.number));
    if (!(exchange && to->is_directory()) && !can_link(*volume, to->directory)) co_return failed(Errno::kTooManyLinks);
  }
  if (exchange) {
    if (to->is_directory() && from->directory.number != to->directory.number) {
      CO_TRY(co_await check_not_below(volume, from->directory, to->inode.number));
      if (!from->is_directory() && !can_link(*volume, from->directory)) co_return failed(Errno::kTooManyLinks);
    }
    co_return Outcome<void>{};
  }
  if (!to->present) co_return Outcome<void>{};
  if (to->is_directory() && !from->is_directory()) co_return failed(Errno::kIsDirectory);
  if (!to->is_directory() && from->is_directory()) co_return failed(Errno::kNotDirectory);
  if (to->is_directory() && !CO_TRY(co_await directory_empty(volume, to->inode))) co_return failed(Errno::kNotEmpty);
  co_return Outcome<void>{};
}

// A directory has a new parent: its "..", and the parents' links.
Async<void> move_parent(Operation* operation, const Side* moved, const Side* to) {
  if (!moved->is_directory() || moved->directory.number == to->directory.number) co_return Outcome<void>{};
  CO_TRY(co_await directory_set_parent(operation, moved->inode, to->directory.number));
  drop_link(operation, moved->directory);
  add_link(operation, to->directory);
  co_return Outcome<void>{};
}

void touch_inode(Operation* operation, const InodeRef& inode, Timestamp now) {
  set_inode_time(operation->volume, operation->modify(inode), TimeField::kChange, now);
  if (operation->volume.in_use(inode.number)) operation->touch(operation->volume.node(inode.number), true);
}

Async<void> exchange(Operation* operation, const Side* from, const Side* to) {
  directory_change(operation, from->entry, to->inode.number, entry_type(to->inode->mode));
  directory_change(operation, to->entry, from->inode.number, entry_type(from->inode->mode));
  CO_TRY(co_await move_parent(operation, from, to));
  co_return co_await move_parent(operation, to, from);
}

// Adds or redirects the new name, then removes the old one (or turns it into a whiteout).
Async<void> move(Operation* operation, const Side* from, const Side* to, bool whiteout, Caller caller) {
  Volume* volume = &operation->volume;
  const u8 type = entry_type(from->inode->mode);
  if (to->present) {
    directory_change(operation, to->entry, from->inode.number, type);
    if (to->is_directory()) drop_link(operation, to->directory);
    CO_TRY(co_await drop_name(operation, to->inode, caller.now));
  } else {
    CO_TRY(co_await directory_add(operation, to->directory, to->name, from->inode.number, type));
  }
  // Adding may have split the block where the old name was.
  const FoundEntry old = CO_TRY(co_await directory_find(volume, from->directory, from->name));
  if (whiteout) {
    NewInode request{.parent = from->directory.number, .mode = kCharacterDevice, .uid = caller.uid, .gid = caller.gid, .now = caller.now};
    const InodeRef made = CO_TRY(co_await allocate_inode(operation, request));
    directory_change(operation, old, made.number, kTypeCharacter);
  } else {
    CO_TRY(co_await directory_remove(operation, from->directory, old));
  }
  co_return co_await move_parent(operation, from, to);
}

}  // namespace

// What lost its name, or 0.
Async<u32> FileSystem::rename_once(u32 from, std::string from_name, u32 to, std::string to_name, u32 flags, Caller caller) {
  Operation operation(*volume_);
  CO_TRY(co_await operation.begin());
  const Side source = CO_TRY(co_await load_side(volume_.get(), from, from_name));
  const Side target = CO_TRY(co_await load_side(volume_.get(), to, to_name));
  // Two names of one file, or the same name twice: nothing happens.
  const bool same = source.present && target.present && source.inode.number == target.inode.number;
  if (same && (flags & kRenameNoReplace) == 0) co_return u32{0};
  CO_TRY(co_await check(volume_.get(), &source, &target, flags));
  if ((flags & kRenameExchange) != 0) {
    CO_TRY(co_await exchange(&operation, &source, &target));
    touch_inode(&operation, target.inode, caller.now);
  } else {
    CO_TRY(co_await move(&operation, &source, &target, (flags & kRenameWhiteout) != 0, caller));
  }
  touch_inode(&operation, source.inode, caller.now);
  touch_directory(&operation, source.directory, caller.now);
  touch_directory(&operation, target.directory, caller.now);
  const bool replaced = target.present && (flags & kRenameExchange) == 0;
  const u32 lost = replaced ? target.inode.number : 0;
  operation.finish();
  co_return lost;
}

Async<void> FileSystem::rename(u32 from, std::string from_name, u32 to, std::string to_name, u32 flags, Caller caller) {
  CO_TRY(check_name(from_name));
  CO_TRY(check_name(to_name));
  for (const std::string& name : {from_name, to_name}) {
    if (name == "." || name == "..") co_return failed(Errno::kBusy);
  }
  constexpr u32 kAll = kRenameNoReplace | kRenameExchange | kRenameWhiteout;
  if ((flags & ~kAll) != 0 || ((flags & kRenameExchange) != 0 && (flags & (kRenameNoReplace | kRenameWhiteout)) != 0))
    co_return failed(Errno::kInvalid);
  CO_TRY(co_await held(from));
  CO_TRY(co_await held(to));
  const u32 lost = CO_TRY(co_await with_room(volume_.get(), [&] { return rename_once(from, from_name, to, to_name, flags, caller); }));
  if (lost != 0) CO_TRY(co_await release_if_unused(lost, caller.now));
  co_return Outcome<void>{};
}

}  // namespace hati::ext4
