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

SysResult<> remount(const Path& place, u32 flags, const std::string& options) {
  if (place.dentry != place.mount->root()) return fail(Errno::kINVAL);
  if ((flags & kMountBind) == 0) {
    TRY(place.mount->file_system().remount(options));
    place.mount->file_system().read_only.store((flags & kMountReadOnly) != 0, std::memory_order_relaxed);
    place.mount->set_flags(per_mount_flags(flags) & ~u32{kMountReadOnly});
    return {};
  }
  place.mount->set_flags(per_mount_flags(flags));
  return {};
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

SysResult<> mount_new(const std::string& type, const std::string& source, const Path& place, u32 flags, const std::string& options) {
  if (type.empty()) return fail(Errno::kINVAL);
  Ref<Mount> mount = TRY(make_mount(type, source.empty() ? "none" : source, per_mount_flags(flags) & ~u32{kMountReadOnly}, options));
  const bool shared_instance = mount->file_system().mounts.load(std::memory_order_relaxed) > 1;
  if ((flags & kMountReadOnly) != 0) {
    if (shared_instance) {
      mount->set_flags(mount->flags() | kMountReadOnly);
    } else {
      mount->file_system().read_only.store(true, std::memory_order_relaxed);
    }
  }
  return MountTree::instance().attach(std::move(mount), place);
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
    result = remount(place, flags, options);
  } else if ((flags & (kMountBind | kMountMove)) != 0 && ((flags & kMountBind) != 0 || (flags & kPropagation) == 0)) {
    result = co_await bind_or_move(thread, std::move(from), std::move(place), flags);
  } else if ((flags & kPropagation) != 0) {
    result = change_propagation(place, flags);
  } else {
    result = mount_new(type_name, from, place, flags, options);
  }
  if (!result) co_return fail(result.error());
  co_return 0;
}

Task<SysResult<i64>> sys_umount2(Thread& thread, UserPtr<const char> target, u32 flags) {
  if ((flags & ~u32{kUnmountForce | kUnmountDetach | kUnmountExpire | kUnmountNoFollow}) != 0) co_return fail(Errno::kINVAL);
  if ((flags & kUnmountExpire) != 0 && (flags & (kUnmountForce | kUnmountDetach)) != 0) co_return fail(Errno::kINVAL);
  std::string at = CO_TRY(thread.memory().get_path(target));
  const Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(at), (flags & kUnmountNoFollow) != 0 ? 0 : kWalkFollow));
  if (!thread.capable(kCapSysAdmin)) co_return fail(Errno::kPERM);
  CO_TRY(MountTree::instance().detach(place, flags));
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
