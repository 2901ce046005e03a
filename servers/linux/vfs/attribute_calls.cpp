// SPDX-License-Identifier: MIT
// Calls that ask for or change attributes: access(2), chmod(2), chown(2), utimensat(2), truncate(2), umask(2).
#include "abi/linux/stat.h"
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/services.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/vfs/at_flags.h"
#include "servers/linux/vfs/node.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/walk.h"

namespace hati::linux {

namespace {

// access(2) asks for the real ids, with the capabilities that root would have by them.
Ref<const Credentials> real_credentials(Thread& thread) {
  Ref<Credentials> copy = Credentials::copy(thread.cred());
  copy->fsuid = copy->uid;
  copy->fsgid = copy->gid;
  copy->effective = copy->uid == 0 ? copy->permitted : 0;
  return Ref<const Credentials>(std::move(copy));
}

SysResult<i64> check_access(const Credentials& credentials, const Path& place, u32 mode) {
  if (mode == 0) return 0;
  if ((mode & kAccessExecute) != 0 && place.inode()->is(kRegular) && (place.mount->flags() & kMountNoExec) != 0) return fail(Errno::kACCES);
  TRY(check_permission(credentials, place, mode));
  return 0;
}

SysResult<i64> access_now(Thread& thread, i32 dirfd, std::string_view path, u32 mode, u32 flags) {
  if ((mode & ~7u) != 0 || (flags & ~u32{kAtEAccess | kAtSymlinkNoFollow | kAtEmptyPath}) != 0) return fail(Errno::kINVAL);
  const Ref<const Credentials> real = (flags & kAtEAccess) != 0 ? Ref<const Credentials>(thread.cred()) : real_credentials(thread);
  WalkOrigin origin = TRY(walk_origin(thread, dirfd, path, walk_flags_of(flags)));
  origin.credentials = real.get();
  Walker walker(std::move(origin), path, walk_flags_of(flags));
  TRY(walker.run_now());
  return check_access(*real, walker.place(), mode);
}

Task<SysResult<i64>> access_later(Thread& thread, i32 dirfd, std::string path, u32 mode, u32 flags) {
  const Ref<const Credentials> real = (flags & kAtEAccess) != 0 ? Ref<const Credentials>(thread.cred()) : real_credentials(thread);
  WalkOrigin origin = CO_TRY(walk_origin(thread, dirfd, path, walk_flags_of(flags)));
  origin.credentials = real.get();
  Walker walker(std::move(origin), path, walk_flags_of(flags));
  CO_TRY(co_await walker.run());
  co_return check_access(*real, walker.place(), mode);
}

}  // namespace

SysResult<i64> sys_faccessat2_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode, u32 flags) {
  const std::string text = TRY(thread.memory().get_path(path));
  return access_now(thread, dirfd, text, mode, flags);
}
Task<SysResult<i64>> sys_faccessat2(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode, u32 flags) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  co_return co_await access_later(thread, dirfd, std::move(text), mode, flags);
}
SysResult<i64> sys_faccessat_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode) {
  return sys_faccessat2_now(thread, dirfd, path, mode, 0);
}
Task<SysResult<i64>> sys_faccessat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode) {
  return sys_faccessat2(thread, dirfd, path, mode, 0);
}
SysResult<i64> sys_access_now(Thread& thread, UserPtr<const char> path, u32 mode) {
  return sys_faccessat2_now(thread, kAtFdCwd, path, mode, 0);
}
Task<SysResult<i64>> sys_access(Thread& thread, UserPtr<const char> path, u32 mode) {
  return sys_faccessat2(thread, kAtFdCwd, path, mode, 0);
}

namespace {

SysResult<> check_writable_mount(const Path* place) {
  if (place != nullptr && place->mount->read_only()) return fail(Errno::kROFS);
  return {};
}

// Tells watchers of a change that has been made.
SysResult<i64> told(SysResult<i64> result, const Path* place, u32 mask) {
  if (result && place != nullptr) notify_dentry(*place->dentry, mask);
  return result;
}

Task<SysResult<i64>> change_mode(Thread& thread, Ref<Inode> inode, u32 mode) {
  if (!owns(thread.cred(), *inode)) co_return fail(Errno::kPERM);
  if (inode->is(kSymbolicLink)) co_return fail(Errno::kOPNOTSUPP);
  AttributeChange change;
  change.bits = AttributeChange::kMode;
  change.mode = mode & kModePermissions;
  // The set-group-ID bit only for members of the group (chmod(2)).
  if (!inode->is(kDirectory) && !may_set_group_id(thread.cred(), inode->owner().gid)) change.mode &= ~u32{kModeSetGid};
  CO_TRY(co_await inode->set_attributes(change));
  co_return 0;
}

Task<SysResult<i64>> change_owner(Thread& thread, Ref<Inode> inode, u32 uid, u32 gid) {
  const Credentials& credentials = thread.cred();
  const Inode::Owner owner = inode->owner();
  AttributeChange change;
  if (uid != ~0u) {
    if (!credentials.capable(kCapChown) && !(credentials.fsuid == owner.uid && uid == owner.uid)) co_return fail(Errno::kPERM);
    change.bits |= AttributeChange::kUid;
    change.uid = uid;
  }
  if (gid != ~0u) {
    const bool own_group = credentials.fsuid == owner.uid && (credentials.fsgid == gid || credentials.in_group(gid) || gid == owner.gid);
    if (!credentials.capable(kCapChown) && !own_group) co_return fail(Errno::kPERM);
    change.bits |= AttributeChange::kGid;
    change.gid = gid;
  }
  // Set-ID bits are lost; set-group-ID without group execution means mandatory locking and stays.
  if (change.bits != 0 && !inode->is(kDirectory) && (owner.mode & (kModeSetUid | kModeSetGid)) != 0) {
    change.bits |= AttributeChange::kMode;
    change.mode = owner.mode & kModePermissions & ~u32{kModeSetUid};
    if ((owner.mode & 0010) != 0) change.mode &= ~u32{kModeSetGid};
  }
  CO_TRY(co_await inode->set_attributes(change));
  co_return 0;
}

}  // namespace

Task<SysResult<i64>> sys_fchmodat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(text), kWalkFollow));
  CO_TRY(check_writable_mount(&place));
  co_return told(co_await change_mode(thread, Ref<Inode>(*place.inode()), mode), &place, kNotifyAttributes);
}
Task<SysResult<i64>> sys_chmod(Thread& thread, UserPtr<const char> path, u32 mode) { return sys_fchmodat(thread, kAtFdCwd, path, mode); }

Task<SysResult<i64>> sys_fchmod(Thread& thread, Fd fd, u32 mode) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only() || file->inode() == nullptr) co_return fail(Errno::kBADF);
  CO_TRY(check_writable_mount(file->path()));
  co_return told(co_await change_mode(thread, Ref<Inode>(*file->inode()), mode), file->path(), kNotifyAttributes);
}

Task<SysResult<i64>> sys_fchownat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 uid, u32 gid, u32 flags) {
  if ((flags & ~u32{kAtSymlinkNoFollow | kAtEmptyPath}) != 0) co_return fail(Errno::kINVAL);
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(text), walk_flags_of(flags)));
  CO_TRY(check_writable_mount(&place));
  co_return told(co_await change_owner(thread, Ref<Inode>(*place.inode()), uid, gid), &place, kNotifyAttributes);
}
Task<SysResult<i64>> sys_chown(Thread& thread, UserPtr<const char> path, u32 uid, u32 gid) {
  return sys_fchownat(thread, kAtFdCwd, path, uid, gid, 0);
}
Task<SysResult<i64>> sys_lchown(Thread& thread, UserPtr<const char> path, u32 uid, u32 gid) {
  return sys_fchownat(thread, kAtFdCwd, path, uid, gid, kAtSymlinkNoFollow);
}

Task<SysResult<i64>> sys_fchown(Thread& thread, Fd fd, u32 uid, u32 gid) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->is_path_only() || file->inode() == nullptr) co_return fail(Errno::kBADF);
  CO_TRY(check_writable_mount(file->path()));
  co_return told(co_await change_owner(thread, Ref<Inode>(*file->inode()), uid, gid), file->path(), kNotifyAttributes);
}

namespace {

// The two times of utimensat(2); null: both now.
struct NewTimes {
  bool now = true;   // both UTIME_NOW: write permission suffices
  bool none = false; // both UTIME_OMIT
  AttributeChange change;
  // What watchers are told (fsnotify_change()).
  u32 mask() const {
    if (none) return 0;
    const bool access = (change.bits & AttributeChange::kAccess) != 0, modify = (change.bits & AttributeChange::kModify) != 0;
    return access && modify ? kNotifyAttributes : access ? kNotifyAccess : kNotifyModify;
  }
};

SysResult<NewTimes> times_of(const UserTimespec (&times)[2]) {
  NewTimes result;
  for (const UserTimespec& time : times) {
    const bool special = time.nanoseconds == kUtimeNow || time.nanoseconds == kUtimeOmit;
    if (!special && (time.nanoseconds < 0 || time.nanoseconds >= 1'000'000'000)) return fail(Errno::kINVAL);
  }
  const Timespec now = wall_time_now();
  const auto pick = [&](const UserTimespec& time, u32 bit, Timespec& to) {
    if (time.nanoseconds == kUtimeOmit) return;
    result.change.bits |= bit;
    to = time.nanoseconds == kUtimeNow ? now : Timespec{time.seconds, time.nanoseconds};
  };
  pick(times[0], AttributeChange::kAccess, result.change.access);
  pick(times[1], AttributeChange::kModify, result.change.modify);
  result.now = times[0].nanoseconds == kUtimeNow && times[1].nanoseconds == kUtimeNow;
  result.none = result.change.bits == 0;
  return result;
}

Task<SysResult<i64>> change_times(Thread& thread, Ref<Inode> inode, NewTimes times) {
  if (times.none) co_return 0;
  if (!owns(thread.cred(), *inode)) {
    if (!times.now) co_return fail(Errno::kPERM);
    CO_TRY(check_permission(thread.cred(), *inode, kAccessWrite));
  }
  CO_TRY(co_await inode->set_attributes(times.change));
  co_return 0;
}

Task<SysResult<i64>> set_times(Thread& thread, i32 dirfd, UserPtr<const char> path, NewTimes times, u32 flags) {
  if ((flags & ~u32{kAtSymlinkNoFollow | kAtEmptyPath}) != 0) co_return fail(Errno::kINVAL);
  if (!path && dirfd != kAtFdCwd) {
    if (flags != 0) co_return fail(Errno::kINVAL);
    const Ref<File> file = CO_TRY(thread.files().get(Fd{dirfd}));
    if (file->is_path_only() || file->inode() == nullptr) co_return fail(Errno::kBADF);
    CO_TRY(check_writable_mount(file->path()));
    co_return told(co_await change_times(thread, Ref<Inode>(*file->inode()), times), file->path(), times.mask());
  }
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(text), walk_flags_of(flags)));
  CO_TRY(check_writable_mount(&place));
  co_return told(co_await change_times(thread, Ref<Inode>(*place.inode()), times), &place, times.mask());
}

constexpr UserTimespec kNowTimes[2] = {{0, kUtimeNow}, {0, kUtimeNow}};

}  // namespace

Task<SysResult<i64>> sys_utimensat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<const UserTimespec> times, u32 flags) {
  UserTimespec given[2] = {kNowTimes[0], kNowTimes[1]};
  if (times) CO_TRY(thread.memory().read(times.address, given, sizeof given));
  const NewTimes change = CO_TRY(times_of(given));
  co_return co_await set_times(thread, dirfd, path, change, flags);
}

Task<SysResult<i64>> sys_futimesat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<const UserTimeval> times) {
  UserTimespec given[2] = {kNowTimes[0], kNowTimes[1]};
  if (times) {
    UserTimeval values[2];
    CO_TRY(thread.memory().read(times.address, values, sizeof values));
    for (int i = 0; i < 2; ++i) {
      if (values[i].microseconds < 0 || values[i].microseconds >= 1'000'000) co_return fail(Errno::kINVAL);
      given[i] = {values[i].seconds, values[i].microseconds * 1000};
    }
  }
  const NewTimes change = CO_TRY(times_of(given));
  co_return co_await set_times(thread, dirfd, path, change, 0);
}

Task<SysResult<i64>> sys_utimes(Thread& thread, UserPtr<const char> path, UserPtr<const UserTimeval> times) {
  return sys_futimesat(thread, kAtFdCwd, path, times);
}

Task<SysResult<i64>> sys_utime(Thread& thread, UserPtr<const char> path, UserPtr<const i64> times) {
  UserTimespec given[2] = {kNowTimes[0], kNowTimes[1]};
  if (times) {
    i64 seconds[2];
    CO_TRY(thread.memory().read(times.address, seconds, sizeof seconds));
    given[0] = {seconds[0], 0};
    given[1] = {seconds[1], 0};
  }
  const NewTimes change = CO_TRY(times_of(given));
  co_return co_await set_times(thread, kAtFdCwd, path, change, 0);
}

Task<SysResult<i64>> sys_truncate(Thread& thread, UserPtr<const char> path, i64 size) {
  if (size < 0) co_return fail(Errno::kINVAL);
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(text), kWalkFollow));
  if (place.inode()->is(kDirectory)) co_return fail(Errno::kISDIR);
  if (!place.inode()->is(kRegular)) co_return fail(Errno::kINVAL);
  CO_TRY(check_permission(thread.cred(), place, kAccessWrite));
  const Ref<Inode> inode(*place.inode());
  if (static_cast<u64>(size) > inode->attributes().size) CO_TRY(check_file_size(thread, static_cast<u64>(size) - 1, 1));
  CO_TRY(inode->get_write_access());
  AttributeChange change;
  change.bits = AttributeChange::kSize;
  change.size = static_cast<u64>(size);
  const SysResult<> result = co_await inode->set_attributes(change);
  inode->put_write_access();
  if (!result) co_return fail(result.error());
  notify_dentry(*place.dentry, kNotifyModify);
  co_return 0;
}

SysResult<i64> sys_ftruncate_now(Thread& thread, Fd fd, i64 size) {
  if (size < 0) return fail(Errno::kINVAL);
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  if (!file->writable()) return fail(Errno::kINVAL);
  const auto bytes = static_cast<u64>(size);
  if (file->inode() != nullptr && bytes > file->inode()->attributes().size) TRY(check_file_size(thread, bytes - 1, 1));
  TRY(file->truncate(thread, bytes));
  notify_file(*file, kNotifyModify);
  return 0;
}

// The checks have been made.
Task<SysResult<i64>> sys_ftruncate(Thread& thread, Fd fd, i64 size) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->inode() == nullptr) co_return fail(Errno::kINVAL);
  const Ref<Inode> inode(*file->inode());
  AttributeChange change;
  change.bits = AttributeChange::kSize;
  change.size = static_cast<u64>(size);
  CO_TRY(co_await inode->set_attributes(change));
  notify_file(*file, kNotifyModify);
  co_return 0;
}

SysResult<i64> sys_umask(Thread& thread, u32 mask) { return i64{thread.fs().exchange_umask(mask)}; }

}  // namespace hati::linux
