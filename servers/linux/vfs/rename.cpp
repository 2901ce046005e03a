// SPDX-License-Identifier: MIT
// rename(2), renameat2(2). Both directories are locked in the order of their addresses; moves of directories between directories are serialised, so
// that the check against cycles stays true.
#include "servers/linux/core/calls_file.h"
#include "servers/linux/vfs/node.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

namespace {

Mutex& rename_mutex() {
  static Mutex mutex;
  return mutex;
}

bool is_ancestor(const Dentry& ancestor, const Ref<Dentry>& dentry) {
  for (Ref<Dentry> up = dentry; up; up = up->parent())
    if (up.get() == &ancestor) return true;
  return false;
}

bool is_plain(const std::string& name) { return !name.empty() && name != "." && name != ".."; }

struct Rename {
  ParentAndName from, to;
  u32 flags;
  Ref<Dentry> source, target;  // target may be negative
};

SysResult<> check_names(const Rename& rename) {
  if (rename.from.parent.mount != rename.to.parent.mount) return fail(Errno::kXDEV);
  if (!is_plain(rename.from.name)) return fail(Errno::kBUSY);
  if (!is_plain(rename.to.name)) return fail((rename.flags & kRenameNoReplace) != 0 ? Errno::kEXIST : Errno::kBUSY);
  return {};
}

SysResult<> check_ends(const Rename& rename) {
  if (rename.source->inode() == nullptr) return fail(Errno::kNOENT);
  const bool target_exists = rename.target->inode() != nullptr;
  if ((rename.flags & kRenameNoReplace) != 0 && target_exists) return fail(Errno::kEXIST);
  if ((rename.flags & kRenameExchange) != 0 && !target_exists) return fail(Errno::kNOENT);
  const bool source_directory = rename.source->inode()->is(kDirectory);
  if (!source_directory && (rename.from.trailing_slash || ((rename.flags & kRenameExchange) == 0 && rename.to.trailing_slash)))
    return fail(Errno::kNOTDIR);
  // A directory must not end up below itself, nor may its own ancestor be replaced.
  if (is_ancestor(*rename.source, rename.to.parent.dentry)) return fail(Errno::kINVAL);
  if (target_exists && is_ancestor(*rename.target, rename.from.parent.dentry))
    return fail((rename.flags & kRenameExchange) != 0 ? Errno::kINVAL : Errno::kNOTEMPTY);
  return {};
}

SysResult<> check_rights(Thread& thread, const Rename& rename) {
  const bool source_directory = rename.source->inode()->is(kDirectory);
  TRY(may_delete(thread, rename.from.parent, *rename.source, source_directory));
  if (rename.target->inode() == nullptr) {
    TRY(may_create(thread, rename.to.parent));
  } else {
    const bool wanted = (rename.flags & kRenameExchange) != 0 ? rename.target->inode()->is(kDirectory) : source_directory;
    TRY(may_delete(thread, rename.to.parent, *rename.target, wanted));
  }
  // Moving a directory changes its "..".
  if (source_directory && rename.from.parent.dentry != rename.to.parent.dentry)
    TRY(check_permission(thread.cred(), *rename.source->inode(), kAccessWrite));
  if (rename.source->is_mount_point() || rename.target->is_mount_point()) return fail(Errno::kBUSY);
  return {};
}

// The inode lost the name that another took over.
void notify_replaced(Inode& inode) {
  if (!inode.is(kDirectory)) notify_inode(inode, kNotifyAttributes);
  notify_if_gone(inode);
}

Task<SysResult<i64>> rename_locked(Thread& thread, Rename rename) {
  const Path& from = rename.from.parent;
  const Path& to = rename.to.parent;
  rename.source = CO_TRY(co_await lookup_child_locked(from.dentry, rename.from.name));
  rename.target = CO_TRY(co_await lookup_child_locked(to.dentry, rename.to.name));
  CO_TRY(check_ends(rename));
  if (rename.source->inode() == rename.target->inode()) co_return 0;  // two names of one file
  CO_TRY(check_rights(thread, rename));
  if (to.dentry->unlinked()) co_return fail(Errno::kNOENT);
  const bool exchange = (rename.flags & kRenameExchange) != 0;
  Ref<Inode> replaced = rename.target->inode() != nullptr ? Ref<Inode>(*rename.target->inode()) : nullptr;
  CO_TRY(co_await from.inode()->rename(rename.from.name, Ref<Inode>(*rename.source->inode()), Ref<Inode>(*to.inode()), rename.to.name,
                                       replaced, rename.flags));
  DentryCache& cache = DentryCache::instance();
  if (exchange) {
    cache.exchange(*rename.source, *rename.target);
    notify_moved(*to.inode(), rename.to.name, *from.inode(), rename.from.name, *rename.target->inode());
  } else {
    if (replaced) rename.target->set_unlinked();
    cache.move(*rename.source, *to.dentry, rename.to.name);
    if (replaced) notify_replaced(*replaced);
  }
  notify_moved(*from.inode(), rename.from.name, *to.inode(), rename.to.name, *rename.source->inode());
  co_return 0;
}

Task<SysResult<i64>> rename_paths(Thread& thread, i32 old_dirfd, std::string old_path, i32 new_dirfd, std::string new_path, u32 flags) {
  Rename rename{.from = {}, .to = {}, .flags = flags, .source = {}, .target = {}};
  rename.from = CO_TRY(co_await walk_parent(thread, old_dirfd, std::move(old_path), 0));
  rename.to = CO_TRY(co_await walk_parent(thread, new_dirfd, std::move(new_path), 0));
  CO_TRY(check_names(rename));
  const Ref<Inode> first_inode(*rename.from.parent.inode()), second_inode(*rename.to.parent.inode());
  Inode* first = first_inode.get();
  Inode* second = second_inode.get();
  if (first == second) {
    const Mutex::Guard guard = co_await first->mutex().lock();
    co_return co_await rename_locked(thread, std::move(rename));
  }
  const Mutex::Guard moving = co_await rename_mutex().lock();
  if (second < first) std::swap(first, second);
  const Mutex::Guard outer = co_await first->mutex().lock();
  const Mutex::Guard inner = co_await second->mutex().lock();
  co_return co_await rename_locked(thread, std::move(rename));
}

}  // namespace

Task<SysResult<i64>> sys_renameat2(Thread& thread, i32 old_dirfd, UserPtr<const char> old_path, i32 new_dirfd, UserPtr<const char> new_path,
                                   u32 flags) {
  if ((flags & ~u32{kRenameNoReplace | kRenameExchange}) != 0) co_return fail(Errno::kINVAL);
  if ((flags & kRenameNoReplace) != 0 && (flags & kRenameExchange) != 0) co_return fail(Errno::kINVAL);
  std::string from = CO_TRY(thread.memory().get_path(old_path));
  std::string to = CO_TRY(thread.memory().get_path(new_path));
  co_return co_await rename_paths(thread, old_dirfd, std::move(from), new_dirfd, std::move(to), flags);
}

Task<SysResult<i64>> sys_renameat(Thread& thread, i32 old_dirfd, UserPtr<const char> old_path, i32 new_dirfd,
                                  UserPtr<const char> new_path) {
  return sys_renameat2(thread, old_dirfd, old_path, new_dirfd, new_path, 0);
}

Task<SysResult<i64>> sys_rename(Thread& thread, UserPtr<const char> old_path, UserPtr<const char> new_path) {
  return sys_renameat2(thread, kAtFdCwd, old_path, kAtFdCwd, new_path, 0);
}

}  // namespace hati::linux
