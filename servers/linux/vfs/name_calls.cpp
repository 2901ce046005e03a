// SPDX-License-Identifier: MIT
// Calls that make and remove names: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2).
#include "servers/linux/core/calls_file.h"
#include "servers/linux/vfs/at_flags.h"
#include "servers/linux/vfs/device.h"
#include "servers/linux/vfs/node.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

namespace {

// A name that is about to be made, with its directory locked. Must not outlive the frame it was made in.
struct NewName {
  Path parent;
  std::string name;
  Mutex::Guard guard;
};

// filename_create(): EEXIST before everything else that is wrong with the directory.
Task<SysResult<NewName>> begin_create(Thread& thread, i32 dirfd, std::string path, bool directory) {
  ParentAndName where = CO_TRY(co_await walk_parent(thread, dirfd, std::move(path), 0));
  if (where.name.empty() || where.name == "." || where.name == "..") co_return fail(Errno::kEXIST);
  NewName result{std::move(where.parent), std::move(where.name), {}};
  result.guard = co_await result.parent.inode()->mutex().lock();
  const Ref<Dentry> existing = CO_TRY(co_await lookup_child_locked(result.parent.dentry, result.name));
  if (existing->inode() != nullptr) co_return fail(Errno::kEXIST);
  if (!result.parent.inode()->cacheable()) co_return fail(Errno::kNOENT);  // names that come from elsewhere (procfs)
  if (where.trailing_slash && !directory) co_return fail(Errno::kNOENT);
  CO_TRY(may_create(thread, result.parent));
  co_return result;
}

void note_created(const NewName& where, Ref<Inode> inode) {
  notify_name(*where.parent.inode(), where.name, kNotifyCreate, *inode);
  if (where.parent.inode()->cacheable()) (void)DentryCache::instance().insert(*where.parent.dentry, where.name, std::move(inode));
}

}  // namespace

Task<SysResult<i64>> sys_mkdirat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  const NewName where = CO_TRY(co_await begin_create(thread, dirfd, std::move(text), true));
  Inode& parent = *where.parent.inode();
  if (parent.attributes().links >= 65000) co_return fail(Errno::kMLINK);
  Ref<Inode> made = CO_TRY(co_await parent.make_directory(where.name, new_node(thread, parent, kDirectory | (mode & 01777))));
  note_created(where, std::move(made));
  co_return 0;
}

Task<SysResult<i64>> sys_mkdir(Thread& thread, UserPtr<const char> path, u32 mode) { return sys_mkdirat(thread, kAtFdCwd, path, mode); }

Task<SysResult<i64>> sys_mknodat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode, u32 device) {
  if ((mode & kTypeMask) == 0) mode |= kRegular;
  const u32 type = mode & kTypeMask;
  if (type == kDirectory) co_return fail(Errno::kPERM);
  if (type != kRegular && type != kFifo && type != kSocket && type != kCharacterDevice && type != kBlockDevice)
    co_return fail(Errno::kINVAL);
  std::string text = CO_TRY(thread.memory().get_path(path));
  const NewName where = CO_TRY(co_await begin_create(thread, dirfd, std::move(text), false));
  const bool is_device = type == kCharacterDevice || type == kBlockDevice;
  if (is_device && !thread.capable(kCapMknod)) co_return fail(Errno::kPERM);
  Inode& parent = *where.parent.inode();
  Ref<Inode> made = CO_TRY(co_await parent.create(where.name, new_node(thread, parent, mode & 0177777, is_device ? device : 0)));
  note_created(where, std::move(made));
  co_return 0;
}

Task<SysResult<i64>> sys_mknod(Thread& thread, UserPtr<const char> path, u32 mode, u32 device) {
  return sys_mknodat(thread, kAtFdCwd, path, mode, device);
}

Task<SysResult<i64>> sys_symlinkat(Thread& thread, UserPtr<const char> target, i32 dirfd, UserPtr<const char> path) {
  std::string content = CO_TRY(thread.memory().get_path(target));
  if (content.empty()) co_return fail(Errno::kNOENT);
  std::string text = CO_TRY(thread.memory().get_path(path));
  const NewName where = CO_TRY(co_await begin_create(thread, dirfd, std::move(text), false));
  Inode& parent = *where.parent.inode();
  Ref<Inode> made =
      CO_TRY(co_await parent.make_symbolic_link(where.name, std::move(content), new_node(thread, parent, kSymbolicLink | 0777)));
  note_created(where, std::move(made));
  co_return 0;
}

Task<SysResult<i64>> sys_symlink(Thread& thread, UserPtr<const char> target, UserPtr<const char> path) {
  return sys_symlinkat(thread, target, kAtFdCwd, path);
}

Task<SysResult<i64>> sys_linkat(Thread& thread, i32 old_dirfd, UserPtr<const char> old_path, i32 new_dirfd, UserPtr<const char> new_path,
                                u32 flags) {
  if ((flags & ~u32{kAtSymlinkFollow | kAtEmptyPath}) != 0) co_return fail(Errno::kINVAL);
  if ((flags & kAtEmptyPath) != 0 && !thread.capable(kCapDacReadSearch)) co_return fail(Errno::kNOENT);
  std::string old_text = CO_TRY(thread.memory().get_path(old_path));
  std::string new_text = CO_TRY(thread.memory().get_path(new_path));
  const u32 walking = ((flags & kAtSymlinkFollow) != 0 ? kWalkFollow : 0) | ((flags & kAtEmptyPath) != 0 ? kWalkEmpty : 0);
  const Path old = CO_TRY(co_await walk(thread, old_dirfd, std::move(old_text), walking));
  const NewName where = CO_TRY(co_await begin_create(thread, new_dirfd, std::move(new_text), false));
  if (old.mount != where.parent.mount) co_return fail(Errno::kXDEV);
  Inode& inode = *old.inode();
  if (inode.is(kDirectory)) co_return fail(Errno::kPERM);
  // A name that is gone cannot come back, except that of O_TMPFILE without O_EXCL ("#...", vfs/open.cpp).
  if (inode.attributes().links == 0 && !(old.dentry->unlinked() && old.dentry->name().starts_with('#'))) co_return fail(Errno::kNOENT);
  CO_TRY(co_await where.parent.inode()->link(where.name, Ref<Inode>(inode)));
  notify_inode(inode, kNotifyAttributes);
  note_created(where, Ref<Inode>(inode));
  co_return 0;
}

Task<SysResult<i64>> sys_link(Thread& thread, UserPtr<const char> old_path, UserPtr<const char> new_path) {
  return sys_linkat(thread, kAtFdCwd, old_path, kAtFdCwd, new_path, 0);
}

namespace {

SysResult<Ref<Dentry>> existing(SysResult<Ref<Dentry>> found) {
  if (found && (*found)->inode() == nullptr) return fail(Errno::kNOENT);
  return found;
}

void note_removed(const ParentAndName& where, Dentry& dentry) {
  dentry.set_unlinked();
  DentryCache::instance().remove(dentry);
  if (!dentry.inode()->is(kDirectory)) notify_inode(*dentry.inode(), kNotifyAttributes);
  notify_if_gone(*dentry.inode());
  notify_name(*where.parent.inode(), where.name, kNotifyDelete, *dentry.inode());
}

}  // namespace

Task<SysResult<i64>> unlink_file(Thread& thread, i32 dirfd, std::string path) {
  const ParentAndName where = CO_TRY(co_await walk_parent(thread, dirfd, std::move(path), 0));
  if (where.name.empty() || where.name == "." || where.name == "..") co_return fail(Errno::kISDIR);
  const Mutex::Guard guard = co_await where.parent.inode()->mutex().lock();
  const Ref<Dentry> dentry = CO_TRY(existing(co_await lookup_child_locked(where.parent.dentry, where.name)));
  if (where.trailing_slash) co_return fail(dentry->inode()->is(kDirectory) ? Errno::kISDIR : Errno::kNOTDIR);
  CO_TRY(may_delete(thread, where.parent, *dentry, false));
  if (dentry->is_mount_point()) co_return fail(Errno::kBUSY);
  CO_TRY(co_await where.parent.inode()->unlink(where.name, Ref<Inode>(*dentry->inode())));
  note_removed(where, *dentry);
  co_return 0;
}

namespace {

Task<SysResult<i64>> remove_directory(Thread& thread, i32 dirfd, std::string path) {
  const ParentAndName where = CO_TRY(co_await walk_parent(thread, dirfd, std::move(path), 0));
  if (where.name.empty()) co_return fail(Errno::kBUSY);
  if (where.name == ".") co_return fail(Errno::kINVAL);
  if (where.name == "..") co_return fail(Errno::kNOTEMPTY);
  const Mutex::Guard guard = co_await where.parent.inode()->mutex().lock();
  const Ref<Dentry> dentry = CO_TRY(existing(co_await lookup_child_locked(where.parent.dentry, where.name)));
  CO_TRY(may_delete(thread, where.parent, *dentry, true));
  if (dentry->is_mount_point()) co_return fail(Errno::kBUSY);
  // Nothing may appear in it between the check and the removal.
  const Ref<Inode> victim(*dentry->inode());
  const Mutex::Guard inner = co_await victim->mutex().lock();
  CO_TRY(co_await where.parent.inode()->remove_directory(where.name, victim));
  note_removed(where, *dentry);
  co_return 0;
}

}  // namespace

Task<SysResult<i64>> sys_unlinkat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags) {
  if ((flags & ~u32{kAtRemoveDir}) != 0) co_return fail(Errno::kINVAL);
  std::string text = CO_TRY(thread.memory().get_path(path));
  if ((flags & kAtRemoveDir) != 0) co_return co_await remove_directory(thread, dirfd, std::move(text));
  co_return co_await unlink_file(thread, dirfd, std::move(text));
}

Task<SysResult<i64>> sys_unlink(Thread& thread, UserPtr<const char> path) { return sys_unlinkat(thread, kAtFdCwd, path, 0); }
Task<SysResult<i64>> sys_rmdir(Thread& thread, UserPtr<const char> path) { return sys_unlinkat(thread, kAtFdCwd, path, kAtRemoveDir); }

}  // namespace hati::linux
