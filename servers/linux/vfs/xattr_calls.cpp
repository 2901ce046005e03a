// SPDX-License-Identifier: MIT
// Extended attributes (xattr(7)).
#include <cstring>

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
constexpr std::string_view kFileCapabilities = "security.capability";

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

// xattr(7): user attributes need permissions of the content and live on files and directories only; trusted ones need CAP_SYS_ADMIN; names that
// nobody knows are like user attributes until the file system is asked.
SysResult<> check(Thread& thread, const Inode& inode, const std::string& name, bool write) {
  const Credentials& credentials = thread.cred();
  if (name.starts_with("system.")) return {};
  if (name.starts_with("security.")) {
    if (!write || credentials.capable(name == kFileCapabilities ? kCapSetfcap : kCapSysAdmin)) return {};
    return fail(Errno::kPERM);
  }
  const Errno hidden = write ? Errno::kPERM : Errno::kNODATA;
  if (name.starts_with("trusted.")) {
    if (credentials.capable(kCapSysAdmin)) return {};
    return fail(hidden);
  }
  if (name.starts_with("user.")) {
    if (!inode.is(kRegular) && !inode.is(kDirectory)) return fail(hidden);
    const bool sticky = inode.is(kDirectory) && (inode.mode() & kModeSticky) != 0;
    if (write && sticky && !owns(credentials, inode)) return fail(Errno::kPERM);
  }
  return check_permission(credentials, inode, write ? kAccessWrite : kAccessRead);
}

// A prefix that Linux knows, and something behind it.
SysResult<> check_name(std::string_view name) {
  for (const std::string_view prefix : {"user.", "trusted.", "security."}) {
    if (!name.starts_with(prefix)) continue;
    if (name == prefix) return fail(Errno::kINVAL);
    return {};
  }
  return fail(Errno::kOPNOTSUPP);
}

// capabilities(7): the sets of a file, version 2 or 3.
bool is_file_capabilities(std::string_view value) {
  u32 magic = 0;
  if (value.size() < sizeof magic) return false;
  std::memcpy(&magic, value.data(), sizeof magic);
  return (magic >> 24 == 2 && value.size() == 20) || (magic >> 24 == 3 && value.size() == 24);
}

// An access list; one without entries removes it. Whether there was one does not matter, not even to the flags of setxattr(2).
Task<SysResult<>> set_list(Thread& thread, Ref<Inode> inode, std::string name, std::string value) {
  const Acl acl = CO_TRY(parse_acl(value));
  if (acl.empty()) value.clear();
  if (inode->is(kSymbolicLink)) co_return fail(Errno::kOPNOTSUPP);
  if (const auto known = inode->acl(name); !known && known.error() == Errno::kOPNOTSUPP) co_return fail(Errno::kOPNOTSUPP);
  if (name == kAclDefault && !inode->is(kDirectory)) {
    if (!value.empty()) co_return fail(Errno::kACCES);
    co_return SysResult<>{};
  }
  if (!owns(thread.cred(), *inode)) co_return fail(Errno::kPERM);
  if (!is_valid_acl(acl)) co_return fail(Errno::kINVAL);
  co_return co_await inode->set_acl(std::move(name), std::move(value), may_set_group_id(thread.cred(), inode->owner().gid));
}

Task<SysResult<i64>> set(Thread& thread, Place place, UserPtr<const char> name, UserAddress value, u64 bytes, u32 flags) {
  if (place.read_only) co_return fail(Errno::kROFS);
  if ((flags & ~u32{kXattrCreate | kXattrReplace}) != 0) co_return fail(Errno::kINVAL);
  const std::string key = CO_TRY(name_of(thread, name));
  if (bytes > kValueMax) co_return fail(Errno::kTOOBIG);
  std::string content(bytes, '\0');
  if (bytes > 0) CO_TRY(thread.memory().read(value.address, content.data(), bytes));
  if (is_acl_name(key)) {
    CO_TRY(co_await set_list(thread, place.inode, key, std::move(content)));
  } else {
    if (key == kFileCapabilities && !is_file_capabilities(content)) co_return fail(Errno::kINVAL);
    CO_TRY(check(thread, *place.inode, key, true));
    CO_TRY(check_name(key));
    CO_TRY(co_await place.inode->set_xattr(key, std::move(content), flags));
  }
  if (place.dentry) notify_dentry(*place.dentry, kNotifyAttributes);
  co_return 0;
}

SysResult<i64> deliver(Thread& thread, const std::string& content, UserAddress to, u64 bytes) {
  if (bytes == 0) return static_cast<i64>(content.size());
  if (bytes < content.size()) return fail(bytes >= kValueMax ? Errno::kTOOBIG : Errno::kRANGE);
  TRY(thread.memory().write(to.address, content.data(), content.size()));
  return static_cast<i64>(content.size());
}

Task<SysResult<i64>> get(Thread& thread, Place place, UserPtr<const char> name, UserAddress to, u64 bytes) {
  const std::string key = CO_TRY(name_of(thread, name));
  if (is_acl_name(key)) {
    if (place.inode->is(kSymbolicLink)) co_return fail(Errno::kOPNOTSUPP);
    const std::string list = CO_TRY(place.inode->acl(key));
    co_return deliver(thread, list, to, bytes);
  }
  CO_TRY(check(thread, *place.inode, key, false));
  CO_TRY(check_name(key));
  const std::string content = CO_TRY(co_await place.inode->get_xattr(key));
  co_return deliver(thread, content, to, bytes);
}

Task<SysResult<i64>> list(Thread& thread, Place place, UserAddress to, u64 bytes) {
  std::string all;
  const std::vector<std::string> names = CO_TRY(co_await place.inode->list_xattr());
  for (const std::string& name : names) {
    if (name.starts_with("trusted.") && !thread.capable(kCapSysAdmin)) continue;
    all += name;
    all += '\0';
  }
  co_return deliver(thread, all, to, bytes);
}

Task<SysResult<i64>> remove(Thread& thread, Place place, UserPtr<const char> name) {
  if (place.read_only) co_return fail(Errno::kROFS);
  const std::string key = CO_TRY(name_of(thread, name));
  if (is_acl_name(key)) {
    CO_TRY(co_await set_list(thread, place.inode, key, acl_text({})));
  } else {
    CO_TRY(check(thread, *place.inode, key, true));
    CO_TRY(check_name(key));
    CO_TRY(co_await place.inode->remove_xattr(key));
  }
  if (place.dentry) notify_dentry(*place.dentry, kNotifyAttributes);
  co_return 0;
}

}  // namespace

Task<SysResult<i64>> sys_setxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress value, u64 bytes,
                                  u32 flags) {
  Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return co_await set(thread, std::move(place), name, value, bytes, flags);
}
Task<SysResult<i64>> sys_lsetxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress value, u64 bytes,
                                   u32 flags) {
  Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return co_await set(thread, std::move(place), name, value, bytes, flags);
}
Task<SysResult<i64>> sys_fsetxattr(Thread& thread, Fd fd, UserPtr<const char> name, UserAddress value, u64 bytes, u32 flags) {
  Place place = CO_TRY(place_of(thread, fd));
  co_return co_await set(thread, std::move(place), name, value, bytes, flags);
}
Task<SysResult<i64>> sys_getxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress to, u64 bytes) {
  Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return co_await get(thread, std::move(place), name, to, bytes);
}
Task<SysResult<i64>> sys_lgetxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress to, u64 bytes) {
  Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return co_await get(thread, std::move(place), name, to, bytes);
}
Task<SysResult<i64>> sys_fgetxattr(Thread& thread, Fd fd, UserPtr<const char> name, UserAddress to, u64 bytes) {
  Place place = CO_TRY(place_of(thread, fd));
  co_return co_await get(thread, std::move(place), name, to, bytes);
}
Task<SysResult<i64>> sys_listxattr(Thread& thread, UserPtr<const char> path, UserAddress to, u64 bytes) {
  Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return co_await list(thread, std::move(place), to, bytes);
}
Task<SysResult<i64>> sys_llistxattr(Thread& thread, UserPtr<const char> path, UserAddress to, u64 bytes) {
  Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return co_await list(thread, std::move(place), to, bytes);
}
Task<SysResult<i64>> sys_flistxattr(Thread& thread, Fd fd, UserAddress to, u64 bytes) {
  Place place = CO_TRY(place_of(thread, fd));
  co_return co_await list(thread, std::move(place), to, bytes);
}
Task<SysResult<i64>> sys_removexattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name) {
  Place place = CO_TRY(co_await place_of(thread, path, true));
  co_return co_await remove(thread, std::move(place), name);
}
Task<SysResult<i64>> sys_lremovexattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name) {
  Place place = CO_TRY(co_await place_of(thread, path, false));
  co_return co_await remove(thread, std::move(place), name);
}
Task<SysResult<i64>> sys_fremovexattr(Thread& thread, Fd fd, UserPtr<const char> name) {
  Place place = CO_TRY(place_of(thread, fd));
  co_return co_await remove(thread, std::move(place), name);
}

}  // namespace hati::linux
