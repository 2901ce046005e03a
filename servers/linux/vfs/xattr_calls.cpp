// SPDX-License-Identifier: MIT
// Extended attributes (xattr(7)).
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/vfs/acl.h"
#include "servers/linux/vfs/node.h"
#include "servers/linux/vfs/notify.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

namespace {

constexpr usize kNameMax = 255;
constexpr usize kValueMax = 65536;

// Where an attribute is: the inode, and whether its mount may be written.
struct Place {
  Ref<Inode> inode;
  bool read_only = false;
  Ref<Dentry> dentry;  // null: a file without a name
};

Task<SysResult<Place>> place_of(Thread& thread, UserPtr<const char> path, bool follow) {
  std::string text = CO_TRY(thread.memory().get_path(path));
  const Path found = CO_TRY(co_await walk(thread, kAtFdCwd, std::move(text), follow ? kWalkFollow : 0));
  co_return Place{Ref<Inode>(*found.inode()), found.mount->read_only(), found.dentry};
}

SysResult<Place> place_of(Thread& thread, Fd fd) {
  const Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only() || file->inode() == nullptr) return fail(Errno::kBADF);
  if (file->path() == nullptr) return Place{Ref<Inode>(*file->inode()), false, {}};
  return Place{Ref<Inode>(*file->inode()), file->path()->mount->read_only(), file->path()->dentry};
}

SysResult<std::string> name_of(Thread& thread, UserPtr<const char> name) {
  SysResult<std::string> text = thread.memory().get_string(name.address, kNameMax + 1);
  if (!text) return fail(text.error() == Errno::kNAMETOOLONG ? Errno::kRANGE : text.error());
  if (text->empty()) return fail(Errno::kRANGE);
  return text;
}

// xattr(7): user attributes need permissions of the content and live on files and directories only; trusted ones need CAP_SYS_ADMIN.
SysResult<> check(Thread& thread, const Place& place, const std::string& name, bool write) {
  if (write && place.read_only) return fail(Errno::kROFS);
  if (name.starts_with("trusted.")) {
    if (thread.capable(kCapSysAdmin)) return {};
    return fail(write ? Errno::kPERM : Errno::kNODATA);
  }
  if (name.starts_with("security.")) {
    const bool capability = name == "security.capability";
    if (!write || thread.capable(capability ? kCapSetfcap : kCapSysAdmin)) return {};
    return fail(Errno::kPERM);
  }
  if (is_acl_name(name)) {
    if (place.inode->is(kSymbolicLink)) return fail(Errno::kOPNOTSUPP);
    if (write && name == kAclDefault && !place.inode->is(kDirectory)) return fail(Errno::kACCES);
    if (write && !owns(thread.cred(), *place.inode)) return fail(Errno::kPERM);
    return {};
  }
  if (!name.starts_with("user.")) return fail(Errno::kOPNOTSUPP);
  if (!place.inode->is(kRegular) && !place.inode->is(kDirectory)) return fail(write ? Errno::kPERM : Errno::kNODATA);
  return check_permission(thread.cred(), *place.inode, write ? kAccessWrite : kAccessRead);
}

SysResult<i64> set(Thread& thread, const Place& place, UserPtr<const char> name, UserAddress value, u64 bytes, u32 flags) {
  if ((flags & ~u32{kXattrCreate | kXattrReplace}) != 0) return fail(Errno::kINVAL);
  const std::string key = TRY(name_of(thread, name));
  if (bytes > kValueMax) return fail(Errno::kTOOBIG);
  std::string content(bytes, '\0');
  if (bytes > 0) TRY(thread.memory().read(value.address, content.data(), bytes));
  TRY(check(thread, place, key, true));
  TRY(place.inode->set_xattr(key, std::move(content), flags));
  if (place.dentry) notify_dentry(*place.dentry, kNotifyAttributes);
  return 0;
}

SysResult<i64> deliver(Thread& thread, const std::string& content, UserAddress to, u64 bytes) {
  if (bytes == 0) return static_cast<i64>(content.size());
  if (bytes < content.size()) return fail(Errno::kRANGE);
  TRY(thread.memory().write(to.address, content.data(), content.size()));
  return static_cast<i64>(content.size());
}

SysResult<i64> get(Thread& thread, const Place& place, UserPtr<const char> name, UserAddress to, u64 bytes) {
  const std::string key = TRY(name_of(thread, name));
  TRY(check(thread, place, key, false));
  const std::string content = TRY(place.inode->get_xattr(key));
  return deliver(thread, content, to, bytes);
}

SysResult<i64> list(Thread& thread, const Place& place, UserAddress to, u64 bytes) {
  std::string all;
  for (const std::string& name : TRY(place.inode->list_xattr())) {
    if (name.starts_with("trusted.") && !thread.capable(kCapSysAdmin)) continue;
    all += name;
    all += '\0';
  }
  return deliver(thread, all, to, bytes);
}

SysResult<i64> remove(Thread& thread, const Place& place, UserPtr<const char> name) {
  const std::string key = TRY(name_of(thread, name));
  TRY(check(thread, place, key, true));
  TRY(place.inode->remove_xattr(key));
  if (place.dentry) notify_dentry(*place.dentry, kNotifyAttributes);
  return 0;
}

}  // namespace

Task<SysResult<i64>> sys_setxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress value, u64 bytes,
                                  u32 flags) {
  const Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return set(thread, place, name, value, bytes, flags);
}
Task<SysResult<i64>> sys_lsetxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress value, u64 bytes,
                                   u32 flags) {
  const Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return set(thread, place, name, value, bytes, flags);
}
SysResult<i64> sys_fsetxattr(Thread& thread, Fd fd, UserPtr<const char> name, UserAddress value, u64 bytes, u32 flags) {
  const Place place = TRY(place_of(thread, fd));
  return set(thread, place, name, value, bytes, flags);
}
Task<SysResult<i64>> sys_getxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress to, u64 bytes) {
  const Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return get(thread, place, name, to, bytes);
}
Task<SysResult<i64>> sys_lgetxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress to, u64 bytes) {
  const Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return get(thread, place, name, to, bytes);
}
SysResult<i64> sys_fgetxattr(Thread& thread, Fd fd, UserPtr<const char> name, UserAddress to, u64 bytes) {
  const Place place = TRY(place_of(thread, fd));
  return get(thread, place, name, to, bytes);
}
Task<SysResult<i64>> sys_listxattr(Thread& thread, UserPtr<const char> path, UserAddress to, u64 bytes) {
  const Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return list(thread, place, to, bytes);
}
Task<SysResult<i64>> sys_llistxattr(Thread& thread, UserPtr<const char> path, UserAddress to, u64 bytes) {
  const Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return list(thread, place, to, bytes);
}
SysResult<i64> sys_flistxattr(Thread& thread, Fd fd, UserAddress to, u64 bytes) {
  const Place place = TRY(place_of(thread, fd));
  return list(thread, place, to, bytes);
}
Task<SysResult<i64>> sys_removexattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name) {
  const Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return remove(thread, place, name);
}
Task<SysResult<i64>> sys_lremovexattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name) {
  const Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return remove(thread, place, name);
}
SysResult<i64> sys_fremovexattr(Thread& thread, Fd fd, UserPtr<const char> name) {
  const Place place = TRY(place_of(thread, fd));
  return remove(thread, place, name);
}

}  // namespace hati::linux
