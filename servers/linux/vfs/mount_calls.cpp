// SPDX-License-Identifier: MIT
// mount(2), umount2(2), pivot_root(2).
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/vfs/file_systems.h"
#include "servers/linux/vfs/fs_contexts.h"

namespace hati::linux {

namespace {

constexpr u32 kPerMount = kMountReadOnly | kMountNoSuid | kMountNoDev | kMountNoExec | kMountNoAccessTime | kMountNoDirAccessTime |
                          kMountRelativeTime | kMountNoSymFollow;
constexpr u32 kPropagation = kMountShared | kMountPrivate | kMountSlave | kMountUnbindable;

// do_mount(): relatime is the default, unless noatime or strictatime is asked for.
u32 per_mount_flags(u32 flags) {
  u32 result = flags & kPerMount;
  if ((flags & kMountNoAccessTime) == 0) result |= kMountRelativeTime;
  if ((flags & kMountStrictTime) != 0) result &= ~u32{kMountRelativeTime | kMountNoAccessTime};
  return result;
}

Task<SysResult<>> remount(Path place, u32 flags, std::string options) {
  if (place.dentry != place.mount->root()) co_return fail(Errno::kINVAL);
  const bool read_only = (flags & kMountReadOnly) != 0;
  if ((flags & kMountBind) == 0) {
    FileSystem& file_system = place.mount->file_system();
    CO_TRY(file_system.remount(options));
    if (file_system.read_only.load(std::memory_order_relaxed) != read_only) CO_TRY(co_await file_system.change_read_only(read_only));
    file_system.read_only.store(read_only, std::memory_order_relaxed);
    place.mount->set_flags(per_mount_flags(flags) & ~u32{kMountReadOnly});
    co_return SysResult<>{};
  }
  place.mount->set_flags(per_mount_flags(flags));
  co_return SysResult<>{};
}

SysResult<> change_propagation(const Path& place, u32 flags) {
  const u32 type = flags & ~u32{kMountRecursive | kMountSilent};
  if (type != kMountShared && type != kMountPrivate && type != kMountSlave && type != kMountUnbindable) return fail(Errno::kINVAL);
  return MountTree::instance().set_propagation(place, type, (flags & kMountRecursive) != 0);
}

SysResult<std::string> optional_string(Thread& thread, UserPtr<const char> text, usize max) {
  if (!text) return std::string{};
  return thread.memory().get_string(text.address, max);
}

// The options page: text, up to a page, need not be terminated.
SysResult<std::string> option_text(Thread& thread, UserAddress data) {
  if (!data) return std::string{};
  std::string text(kPageSize, '\0');
  const usize got = TRY(thread.memory().read_some(data.address, text.data(), text.size()));
  text.resize(got);
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

Task<SysResult<>> bind_or_move(Thread& thread, std::string source, Path place, u32 flags) {
  if (source.empty()) co_return fail(Errno::kINVAL);
  const Path from = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(source), kWalkFollow));
  if ((flags & kMountMove) != 0) co_return MountTree::instance().move(from, place);
  co_return MountTree::instance().bind(from, place, (flags & kMountRecursive) != 0);
}

Task<SysResult<>> mount_new(std::string type, std::string source, Path place, u32 flags, std::string options) {
  if (type.empty()) co_return fail(Errno::kINVAL);
  Ref<Mount> mount =
      CO_TRY(co_await make_mount(std::move(type), source.empty() ? "none" : std::move(source), per_mount_flags(flags), std::move(options)));
  const Ref<FileSystem> file_system(mount->file_system());
  if ((flags & kMountReadOnly) != 0) {
    if (file_system->mounts.load(std::memory_order_relaxed) > 1) {
      mount->set_flags(mount->flags() | kMountReadOnly);
    } else {
      file_system->read_only.store(true, std::memory_order_relaxed);
    }
  }
  const SysResult<> attached = MountTree::instance().attach(std::move(mount), place);
  if (!attached && file_system->mounts.load(std::memory_order_relaxed) == 0) (void)co_await file_system->finish();
  co_return attached;
}

}  // namespace

Task<SysResult<i64>> sys_mount(Thread& thread, UserPtr<const char> source, UserPtr<const char> target, UserPtr<const char> type,
                               u64 flags64, UserAddress data) {
  auto flags = static_cast<u32>(flags64);
  if ((flags & 0xffff0000) == 0xc0ed0000) flags &= 0xffff;  // MS_MGC_VAL of old programs
  const std::string type_name = CO_TRY(optional_string(thread, type, kPageSize));
  std::string from = CO_TRY(optional_string(thread, source, 4096));
  const std::string options = CO_TRY(option_text(thread, data));
  std::string at = CO_TRY(thread.memory().get_path(target));
  Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(at), kWalkFollow));
  if (!thread.capable(kCapSysAdmin)) co_return fail(Errno::kPERM);
  SysResult<> result;
  if ((flags & kMountRemount) != 0) {
    result = co_await remount(std::move(place), flags, options);
  } else if ((flags & (kMountBind | kMountMove)) != 0 && ((flags & kMountBind) != 0 || (flags & kPropagation) == 0)) {
    result = co_await bind_or_move(thread, std::move(from), std::move(place), flags);
  } else if ((flags & kPropagation) != 0) {
    result = change_propagation(place, flags);
  } else {
    result = co_await mount_new(type_name, from, std::move(place), flags, options);
  }
  if (!result) co_return fail(result.error());
  co_return 0;
}

Task<SysResult<i64>> sys_umount2(Thread& thread, UserPtr<const char> target, u32 flags) {
  if ((flags & ~u32{kUnmountForce | kUnmountDetach | kUnmountExpire | kUnmountNoFollow}) != 0) co_return fail(Errno::kINVAL);
  if ((flags & kUnmountExpire) != 0 && (flags & (kUnmountForce | kUnmountDetach)) != 0) co_return fail(Errno::kINVAL);
  std::string at = CO_TRY(thread.memory().get_path(target));
  Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(at), (flags & kUnmountNoFollow) != 0 ? 0 : kWalkFollow));
  if (!thread.capable(kCapSysAdmin)) co_return fail(Errno::kPERM);
  const Ref<FileSystem> file_system(place.mount->file_system());
  CO_TRY(MountTree::instance().detach(place, flags));
  place = {};
  if (file_system->mounts.load(std::memory_order_relaxed) == 0) CO_TRY(co_await file_system->finish());
  co_return 0;
}

Task<SysResult<i64>> sys_pivot_root(Thread& thread, UserPtr<const char> new_root, UserPtr<const char> put_old) {
  if (!thread.capable(kCapSysAdmin)) co_return fail(Errno::kPERM);
  std::string fresh_text = CO_TRY(thread.memory().get_path(new_root));
  std::string old_text = CO_TRY(thread.memory().get_path(put_old));
  const Path fresh = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(fresh_text), kWalkFollow | kWalkDirectory));
  const Path old = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(old_text), kWalkFollow | kWalkDirectory));
  const Path root = thread.fs().root();
  CO_TRY(MountTree::instance().pivot(fresh, old, root));
  replace_roots(root, fresh);
  co_return 0;
}

}  // namespace hati::linux
