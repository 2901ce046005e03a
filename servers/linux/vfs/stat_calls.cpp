// SPDX-License-Identifier: MIT
// stat(2) and its relatives, statx(2), statfs(2), readlink(2).
#include "abi/linux/stat.h"
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/vfs/at_flags.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {

UserTimespec user_time(const Timespec& time) { return {time.seconds, time.nanoseconds}; }
UserStatxTime statx_time(const Timespec& time) { return {time.seconds, static_cast<u32>(time.nanoseconds), 0}; }

Attributes attributes_of(const Path& path) {
  Attributes attributes = path.inode()->attributes();
  attributes.device = path.inode()->file_system().device();
  return attributes;
}

SysResult<i64> put_stat(Thread& thread, UserPtr<UserStat> to, const Attributes& from) {
  UserStat result{};
  result.device = make_device(0, from.device);
  result.inode = from.inode;
  result.links = from.links;
  result.mode = from.mode;
  result.uid = from.uid;
  result.gid = from.gid;
  result.device_number = from.device_number;
  result.size = static_cast<i64>(from.size);
  result.block_size = from.block_size;
  result.blocks = static_cast<i64>(from.blocks);
  result.access = user_time(from.access);
  result.modify = user_time(from.modify);
  result.change = user_time(from.change);
  TRY(thread.memory().put(to, result));
  return 0;
}

bool is_empty_string(Thread& thread, UserPtr<const char> path) {
  const auto first = thread.memory().get(path);
  return first && *first == 0;
}

// Attributes of a path, or of the descriptor itself for an empty path.
SysResult<Attributes> attributes_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags) {
  if ((flags & kAtEmptyPath) != 0 && dirfd >= 0 && is_empty_string(thread, path)) {
    const Ref<File> file = TRY(thread.files().get(Fd{dirfd}));
    return file->attributes();
  }
  const std::string text = TRY(thread.memory().get_path(path));
  return attributes_of(TRY(walk_now(thread, dirfd, text, walk_flags_of(flags))));
}

Task<SysResult<Attributes>> attributes_later(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(text), walk_flags_of(flags)));
  co_return attributes_of(place);
}

}  // namespace

SysResult<i64> sys_newfstatat_now(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<UserStat> to, u32 flags) {
  if ((flags & ~u32{kAtSymlinkNoFollow | kAtNoAutomount | kAtEmptyPath}) != 0) return fail(Errno::kINVAL);
  const Attributes attributes = TRY(attributes_now(thread, dirfd, path, flags));
  return put_stat(thread, to, attributes);
}

Task<SysResult<i64>> sys_newfstatat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<UserStat> to, u32 flags) {
  const Attributes attributes = CO_TRY(co_await attributes_later(thread, dirfd, path, flags));
  co_return put_stat(thread, to, attributes);
}

SysResult<i64> sys_stat_now(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to) {
  return sys_newfstatat_now(thread, kAtFdCwd, path, to, 0);
}
Task<SysResult<i64>> sys_stat(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to) {
  return sys_newfstatat(thread, kAtFdCwd, path, to, 0);
}
SysResult<i64> sys_lstat_now(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to) {
  return sys_newfstatat_now(thread, kAtFdCwd, path, to, kAtSymlinkNoFollow);
}
Task<SysResult<i64>> sys_lstat(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to) {
  return sys_newfstatat(thread, kAtFdCwd, path, to, kAtSymlinkNoFollow);
}

SysResult<i64> sys_fstat(Thread& thread, Fd fd, UserPtr<UserStat> to) {
  const Ref<File> file = TRY(thread.files().get(fd));
  const Attributes attributes = TRY(file->attributes());
  return put_stat(thread, to, attributes);
}

namespace {

struct StatxSource {
  Attributes attributes;
  u64 mount_id = 0;
  bool mount_root = false;
};

StatxSource source_of(const Path& path) {
  return {attributes_of(path), static_cast<u64>(path.mount->id()), path.dentry == path.mount->root()};
}

SysResult<StatxSource> statx_source_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags) {
  if ((flags & kAtEmptyPath) != 0 && dirfd >= 0 && is_empty_string(thread, path)) {
    const Ref<File> file = TRY(thread.files().get(Fd{dirfd}));
    if (file->path() != nullptr) return source_of(*file->path());
    return StatxSource{TRY(file->attributes()), 0, false};
  }
  const std::string text = TRY(thread.memory().get_path(path));
  return source_of(TRY(walk_now(thread, dirfd, text, walk_flags_of(flags))));
}

SysResult<i64> put_statx(Thread& thread, UserPtr<UserStatx> to, const StatxSource& source) {
  const Attributes& from = source.attributes;
  UserStatx result{};
  result.mask = kStatxBasic | kStatxBirth | kStatxMountId;
  result.block_size = from.block_size;
  result.attributes = source.mount_root ? kStatxAttrMountRoot : 0;
  result.attributes_mask = kStatxAttrMountRoot;
  result.links = from.links;
  result.uid = from.uid;
  result.gid = from.gid;
  result.mode = static_cast<u16>(from.mode);
  result.inode = from.inode;
  result.size = from.size;
  result.blocks = from.blocks;
  result.access = statx_time(from.access);
  result.birth = statx_time(from.birth);
  result.change = statx_time(from.change);
  result.modify = statx_time(from.modify);
  result.rdev_major = device_major(from.device_number);
  result.rdev_minor = device_minor(from.device_number);
  result.dev_minor = from.device;
  result.mount_id = source.mount_id;
  TRY(thread.memory().put(to, result));
  return 0;
}

SysResult<> check_statx(u32 flags, u32 mask) {
  constexpr u32 kSyncTypes = 0x6000, kReserved = 1u << 31;
  if ((flags & ~(kAtSymlinkNoFollow | kAtNoAutomount | kAtEmptyPath | kSyncTypes)) != 0) return fail(Errno::kINVAL);
  if ((flags & kSyncTypes) == kSyncTypes || (mask & kReserved) != 0) return fail(Errno::kINVAL);
  return {};
}

}  // namespace

SysResult<i64> sys_statx_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mask, UserPtr<UserStatx> to) {
  TRY(check_statx(flags, mask));
  const StatxSource source = TRY(statx_source_now(thread, dirfd, path, flags));
  return put_statx(thread, to, source);
}

Task<SysResult<i64>> sys_statx(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mask, UserPtr<UserStatx> to) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(text), walk_flags_of(flags)));
  co_return put_statx(thread, to, source_of(place));
}

namespace {

constexpr u64 kSameAsFree = FileSystem::Statistics::kSameAsFree;

SysResult<i64> put_statfs(Thread& thread, UserPtr<UserStatfs> to, FileSystem& file_system, u32 mount_flags) {
  const FileSystem::Statistics from = file_system.statistics();
  constexpr i64 kValid = 0x20, kRelativeTime = 0x1000;
  UserStatfs result{};
  result.type = static_cast<i64>(from.magic);
  result.block_size = result.fragment_size = static_cast<i64>(from.block_size);
  result.blocks = from.blocks;
  result.blocks_free = from.blocks_free;
  result.blocks_available = from.blocks_available != kSameAsFree ? from.blocks_available : from.blocks_free;
  result.files = from.inodes;
  result.files_free = from.inodes_free;
  result.fs_id[0] = static_cast<i32>(file_system.device());
  result.name_max = static_cast<i64>(from.name_max);
  result.flags = kValid | static_cast<i64>(mount_flags & (kMountReadOnly | kMountNoSuid | kMountNoDev | kMountNoExec | kMountNoAccessTime |
                                                          kMountNoDirAccessTime));
  if ((mount_flags & kMountRelativeTime) != 0) result.flags |= kRelativeTime;
  TRY(thread.memory().put(to, result));
  return 0;
}

}  // namespace

Task<SysResult<i64>> sys_statfs(Thread& thread, UserPtr<const char> path, UserPtr<UserStatfs> to) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path place = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(text), kWalkFollow));
  CO_TRY(co_await place.inode()->file_system().ask_statistics());
  co_return put_statfs(thread, to, place.inode()->file_system(), place.mount->flags());
}

Task<SysResult<i64>> sys_fstatfs(Thread& thread, Fd fd, UserPtr<UserStatfs> to) {
  const Ref<File> file = CO_TRY(thread.files().get(fd));
  if (file->inode() == nullptr) co_return fail(Errno::kNOSYS);
  CO_TRY(co_await file->inode()->file_system().ask_statistics());
  co_return put_statfs(thread, to, file->inode()->file_system(), file->path() != nullptr ? file->path()->mount->flags() : 0);
}

namespace {

// Magic links show the text of where they lead.
Task<SysResult<std::string>> link_text(Thread& thread, i32 dirfd, std::string path) {
  const bool empty = path.empty();
  const Path place = CO_TRY(co_await walk(thread, dirfd, std::move(path), empty ? kWalkEmpty : 0));
  if (!place.inode()->is(kSymbolicLink)) co_return fail(empty ? Errno::kNOENT : Errno::kINVAL);
  const Ref<Inode> inode(*place.inode());
  co_return co_await inode->read_link(&thread);
}

}  // namespace

Task<SysResult<i64>> sys_readlinkat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserAddress to, i32 bytes) {
  if (bytes <= 0) co_return fail(Errno::kINVAL);
  std::string text = CO_TRY(thread.memory().get_path(path));
  if (text.empty() && dirfd == kAtFdCwd) co_return fail(Errno::kNOENT);
  const std::string target = CO_TRY(co_await link_text(thread, dirfd, std::move(text)));
  const usize length = std::min(target.size(), static_cast<usize>(bytes));
  CO_TRY(thread.memory().write(to.address, target.data(), length));
  co_return static_cast<i64>(length);
}

Task<SysResult<i64>> sys_readlink(Thread& thread, UserPtr<const char> path, UserAddress to, i32 bytes) {
  return sys_readlinkat(thread, kAtFdCwd, path, to, bytes);
}

}  // namespace hati::linux
