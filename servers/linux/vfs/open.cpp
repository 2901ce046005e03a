// SPDX-License-Identifier: MIT
// open(2): from a name to an open file description.
#include "servers/linux/file/pipe.h"
#include "servers/linux/vfs/device.h"
#include "servers/linux/vfs/node.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

namespace {

// Status flags that stay with the description.
constexpr u32 kDropped = kOpenCreate | kOpenExclusive | kOpenNoCtty | kOpenTruncate | kOpenCloseOnExec;

u32 wanted_access(u32 flags) {
  u32 access = 0;
  switch (flags & kOpenAccessMode) {
    case kOpenReadOnly: access = kAccessRead; break;
    case kOpenWriteOnly: access = kAccessWrite; break;
    default: access = kAccessRead | kAccessWrite; break;
  }
  if ((flags & kOpenTruncate) != 0) access |= kAccessWrite;
  return access;
}

// may_open(): type against flags, then permissions.
SysResult<> check_open(Thread& thread, const Path& place, u32 flags) {
  Inode& inode = *place.inode();
  const u32 access = wanted_access(flags);
  switch (inode.type()) {
    case kSymbolicLink: return fail(Errno::kLOOP);
    case kDirectory:
      if ((access & kAccessWrite) != 0 || (flags & kOpenCreate) != 0) return fail(Errno::kISDIR);
      break;
    case kBlockDevice:
    case kCharacterDevice:
      if ((place.mount->flags() & kMountNoDev) != 0) return fail(Errno::kACCES);
      break;
    default: break;
  }
  TRY(check_permission(thread.cred(), place, access));
  if ((flags & kOpenNoAccessTime) != 0 && !owns(thread.cred(), inode)) return fail(Errno::kPERM);
  return {};
}

SysResult<Ref<File>> open_inode_now(Thread& thread, const Path& place, u32 flags) {
  Inode& inode = *place.inode();
  switch (inode.type()) {
    case kCharacterDevice: return open_character_device(&thread, inode.attributes().device_number, flags);
    case kBlockDevice:
    case kSocket: return fail(Errno::kNXIO);
    case kFifo: return open_fifo_now(inode, flags & ~kDropped);
    default: return inode.open_now(&thread, flags & ~kDropped);
  }
}

// Gives the new description its place in the tree and counts it as a writer.
SysResult<Ref<File>> finish(Ref<File> file, const Path& place, bool writer) {
  if (file->inode() == nullptr) file->set_location(Ref<Inode>(*place.inode()), std::make_unique<Path>(place));
  if (writer) file->set_counts_as_writer();
  notify_file(*file, kNotifyOpen);
  return file;
}

// What write access needs before the file is made: released again if that fails.
struct WriteAccess {
  Inode* inode = nullptr;
  ~WriteAccess() {
    if (inode != nullptr) inode->put_write_access();
  }
  bool release() { return std::exchange(inode, nullptr) != nullptr; }
};

SysResult<> take_write_access(WriteAccess& access, const Path& place, u32 flags) {
  if (!place.inode()->is(kRegular) || (wanted_access(flags) & kAccessWrite) == 0) return {};
  TRY(place.inode()->get_write_access());
  access.inode = place.inode();
  return {};
}

Ref<File> path_only(const Path& place, u32 flags) {
  auto file = Ref<File>::adopt(std::make_unique<File>(flags & (kOpenPath | kOpenDirectory | kOpenNoFollow)).release());
  file->set_location(Ref<Inode>(*place.inode()), std::make_unique<Path>(place));
  return file;
}

SysResult<> check_directory(const Path& place, u32 flags) {
  if ((flags & kOpenDirectory) != 0 && !place.inode()->is(kDirectory)) return fail(Errno::kNOTDIR);
  return {};
}

bool must_truncate(const Path& place, u32 flags, bool created) {
  return (flags & kOpenTruncate) != 0 && !created && place.inode()->is(kRegular);
}

}  // namespace

SysResult<Ref<File>> open_place_now(Thread& thread, const Path& place, u32 flags, bool created) {
  TRY(check_directory(place, flags));
  if ((flags & kOpenPath) != 0) return path_only(place, flags);
  if (!created) TRY(check_open(thread, place, flags));
  if (must_truncate(place, flags, created)) return fail(Errno::kNEEDASYNC);
  WriteAccess access;
  TRY(take_write_access(access, place, flags));
  Ref<File> file = TRY(open_inode_now(thread, place, flags));
  return finish(std::move(file), place, access.release());
}

Task<SysResult<Ref<File>>> open_place(Thread& thread, Path place, u32 flags, bool created) {
  SysResult<Ref<File>> opened = open_place_now(thread, place, flags, created);
  if (opened || opened.error() != Errno::kNEEDASYNC) co_return opened;
  const Ref<Inode> inode(*place.inode());
  WriteAccess access;
  CO_TRY(take_write_access(access, place, flags));
  Ref<File> file;
  if (inode->is(kFifo)) {
    file = CO_TRY(co_await open_fifo(thread, inode, flags & ~kDropped));
  } else {
    file = CO_TRY(co_await inode->open(&thread, flags & ~kDropped));
  }
  if (must_truncate(place, flags, created)) {
    AttributeChange change;
    change.bits = AttributeChange::kSize;
    CO_TRY(co_await inode->set_attributes(change));
    notify_dentry(*place.dentry, kNotifyModify);
  }
  co_return finish(std::move(file), place, access.release());
}

namespace {

SysResult<u32> sanitize(u32 flags) {
  if ((flags & kOpenPath) != 0) return flags & (kOpenPath | kOpenDirectory | kOpenNoFollow | kOpenCloseOnExec);
  constexpr u32 kTemporaryBit = kOpenTemporary & ~kOpenDirectory;
  if ((flags & kTemporaryBit) != 0) {
    if ((flags & kOpenTemporary) != kOpenTemporary || (flags & kOpenCreate) != 0) return fail(Errno::kINVAL);
    if ((flags & kOpenAccessMode) == kOpenReadOnly) return fail(Errno::kINVAL);
  } else if ((flags & (kOpenCreate | kOpenDirectory)) == (kOpenCreate | kOpenDirectory)) {
    flags &= ~kOpenDirectory;  // as Linux before 6.4
  }
  return flags | kOpenLargeFile;
}

u32 walk_flags(u32 flags) {
  return ((flags & kOpenNoFollow) != 0 ? 0 : kWalkFollow) | ((flags & kOpenDirectory) != 0 ? kWalkDirectory : 0);
}

// A new regular file under the name where nothing is yet. The parent's mutex is held.
Task<SysResult<Ref<Dentry>>> create_regular(Thread& thread, Path parent, std::string name, u32 mode) {
  CO_TRY(may_create(thread, parent));
  Inode& directory = *parent.inode();
  Ref<Inode> inode = CO_TRY(co_await directory.create(name, new_node(thread, directory, kRegular | (mode & kModePermissions))));
  Ref<Dentry> dentry = DentryCache::instance().insert(*parent.dentry, name, std::move(inode));
  notify_name(directory, name, kNotifyCreate, *dentry->inode());
  co_return dentry;
}

// The symbolic link at `link` stands where the file should be: on through it. Returns the place of a magic link.
Task<SysResult<Path>> through_link(Thread& thread, Walker& walker, Path link, u32 flags) {
  if ((flags & kOpenNoFollow) != 0) co_return fail(Errno::kLOOP);
  if (link.inode()->is_magic_link()) co_return link.inode()->follow_magic(&thread);
  const Ref<Inode> inode(*link.inode());
  std::string text = CO_TRY(co_await inode->read_link(&thread));
  CO_TRY(walker.continue_through(link, std::move(text)));
  co_return Path{};
}

Task<SysResult<Ref<File>>> open_create(Thread& thread, i32 dirfd, std::string path, u32 flags, u32 mode) {
  Walker walker(CO_TRY(walk_origin(thread, dirfd, path, 0)), path, kWalkParent);
  for (;;) {
    CO_TRY(co_await walker.run());
    const std::string name = walker.name();
    const Path parent = walker.place();
    if (name.empty() || name == "." || name == "..") co_return fail((flags & kOpenExclusive) != 0 ? Errno::kEXIST : Errno::kISDIR);
    if (walker.trailing_slash()) co_return fail(Errno::kISDIR);
    Path place;
    {
      const Mutex::Guard guard = co_await parent.inode()->mutex().lock();
      Ref<Dentry> dentry = CO_TRY(co_await lookup_child_locked(parent.dentry, name));
      if (dentry->inode() == nullptr && !parent.inode()->cacheable()) co_return fail(Errno::kNOENT);
      if (dentry->inode() == nullptr) {
        dentry = CO_TRY(co_await create_regular(thread, parent, name, mode));
        co_return co_await open_place(thread, Path{parent.mount, std::move(dentry)}, flags, true);
      }
      place = Path{parent.mount, std::move(dentry)};
    }
    if ((flags & kOpenExclusive) != 0) co_return fail(Errno::kEXIST);
    place = MountTree::instance().cross(std::move(place));
    if (place.inode()->is(kSymbolicLink)) {
      place = CO_TRY(co_await through_link(thread, walker, std::move(place), flags));
      if (!place) continue;
    }
    co_return co_await open_place(thread, std::move(place), flags, false);
  }
}

Task<SysResult<Ref<File>>> open_temporary(Thread& thread, i32 dirfd, std::string path, u32 flags, u32 mode) {
  Path directory = CO_TRY(co_await walk(thread, dirfd, std::move(path), kWalkFollow | kWalkDirectory));
  CO_TRY(may_create(thread, directory));
  Ref<Inode> inode =
      CO_TRY(co_await directory.inode()->make_temporary(new_node(thread, *directory.inode(), kRegular | (mode & kModePermissions))));
  auto dentry = Ref<Dentry>::adopt(
      std::make_unique<Dentry>(directory.dentry, (flags & kOpenExclusive ? "!" : "#") + std::to_string(inode->attributes().inode), inode)
          .release());
  dentry->set_unlinked();
  co_return co_await open_place(thread, Path{directory.mount, std::move(dentry)}, flags & ~kOpenTemporary, true);
}

}  // namespace

SysResult<Ref<File>> open_file_now(Thread& thread, i32 dirfd, std::string_view path, u32 open_flags, u32 mode) {
  const u32 flags = TRY(sanitize(open_flags));
  constexpr u32 kTemporaryBit = kOpenTemporary & ~kOpenDirectory;
  if ((flags & (kTemporaryBit | kOpenExclusive)) != 0) return fail(Errno::kNEEDASYNC);
  if ((flags & kOpenCreate) != 0 && path.ends_with('/')) return fail(Errno::kNEEDASYNC);
  const SysResult<Path> place = walk_now(thread, dirfd, path, walk_flags(flags));
  if (!place) return fail((flags & kOpenCreate) != 0 && place.error() == Errno::kNOENT ? Errno::kNEEDASYNC : place.error());
  return open_place_now(thread, *place, flags, false);
}

Task<SysResult<Ref<File>>> open_file(Thread& thread, i32 dirfd, std::string path, u32 open_flags, u32 mode) {
  const u32 flags = CO_TRY(sanitize(open_flags));
  constexpr u32 kTemporaryBit = kOpenTemporary & ~kOpenDirectory;
  if ((flags & kTemporaryBit) != 0) co_return co_await open_temporary(thread, dirfd, std::move(path), flags, mode);
  if ((flags & kOpenCreate) != 0) co_return co_await open_create(thread, dirfd, std::move(path), flags, mode);
  Path place = CO_TRY(co_await walk(thread, dirfd, std::move(path), walk_flags(flags)));
  co_return co_await open_place(thread, std::move(place), flags, false);
}

Task<SysResult<Ref<File>>> open_executable(Thread& thread, i32 dirfd, std::string path, u32 flags) {
  constexpr u32 kAtSymlinkNoFollow = 0x100, kAtEmptyPath = 0x1000;
  const u32 walking = ((flags & kAtSymlinkNoFollow) != 0 ? 0 : kWalkFollow) | ((flags & kAtEmptyPath) != 0 ? kWalkEmpty : 0);
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(path), walking));
  if (place.inode()->is(kSymbolicLink)) co_return fail(Errno::kLOOP);
  if (!place.inode()->is(kRegular) || (place.mount->flags() & kMountNoExec) != 0) co_return fail(Errno::kACCES);
  CO_TRY(check_permission(thread.cred(), *place.inode(), kAccessExecute));
  const Ref<Inode> inode(*place.inode());
  Ref<File> file = CO_TRY(co_await inode->open(&thread, kOpenReadOnly | kOpenLargeFile));
  co_return finish(std::move(file), place, false);
}

}  // namespace hati::linux
