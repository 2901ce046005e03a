// SPDX-License-Identifier: MIT
// Extended attributes of tmpfs, POSIX access lists among them: the permission bits follow the list and the list follows chmod(2).
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/vfs/acl.h"

namespace hati::linux {

namespace {

constexpr usize kBytesMax = 65536;  // names and values of one inode

}  // namespace

Task<SysResult<std::string>> TmpfsInode::get_xattr(std::string name) {
  SpinGuard guard(lock_);
  const auto found = xattrs_.find(name);
  if (found == xattrs_.end()) co_return fail(Errno::kNODATA);
  co_return found->second;
}

Task<SysResult<>> TmpfsInode::set_xattr(std::string name, std::string value, u32 flags) {
  SpinGuard guard(lock_);
  const bool exists = xattrs_.contains(name);
  if ((flags & kXattrCreate) != 0 && exists) co_return fail(Errno::kEXIST);
  if ((flags & kXattrReplace) != 0 && !exists) co_return fail(Errno::kNODATA);
  usize total = name.size() + value.size();
  for (const auto& [key, old] : xattrs_) total += key.size() + old.size();
  if (total > kBytesMax) co_return fail(Errno::kNOSPC);
  xattrs_[std::move(name)] = std::move(value);
  attributes_.change = wall_time_now();
  co_return SysResult<>{};
}

Task<SysResult<>> TmpfsInode::remove_xattr(std::string name) {
  SpinGuard guard(lock_);
  if (xattrs_.erase(name) == 0) co_return fail(Errno::kNODATA);
  attributes_.change = wall_time_now();
  co_return SysResult<>{};
}

Task<SysResult<std::vector<std::string>>> TmpfsInode::list_xattr() {
  std::vector<std::string> names;
  SpinGuard guard(lock_);
  for (const auto& [name, value] : xattrs_) names.push_back(name);
  co_return names;
}

SysResult<std::string> TmpfsInode::acl(const std::string& name) const {
  SpinGuard guard(lock_);
  const auto found = xattrs_.find(name);
  if (found == xattrs_.end()) return fail(Errno::kNODATA);
  return found->second;
}

Task<SysResult<>> TmpfsInode::set_acl(std::string name, std::string value, bool keep_set_group_id) {
  SpinGuard guard(lock_);
  AclChange change = change_acl(name, std::move(value), mode(), keep_set_group_id);
  mode_.store(change.mode, std::memory_order_relaxed);
  if (change.value.empty()) {
    xattrs_.erase(name);
  } else {
    xattrs_[std::move(name)] = std::move(change.value);
  }
  attributes_.change = wall_time_now();
  co_return SysResult<>{};
}

void TmpfsInode::change_access_list(u32 mode) {
  const auto found = xattrs_.find(kAclAccess);
  if (found == xattrs_.end()) return;
  auto acl = parse_acl(found->second);
  if (!acl) return;
  change_acl_mode(*acl, mode);
  found->second = acl_text(*acl);
}

void TmpfsInode::inherit_access_list(TmpfsInode& child) const {
  const SysResult<std::string> list = acl(kAclDefault);
  if (!list) return;
  InheritedAcl inherited = inherit_acl(*list, child.mode());
  SpinGuard guard(child.lock_);  // nobody else sees it yet
  child.mode_.store(inherited.mode, std::memory_order_relaxed);
  if (!inherited.access.empty()) child.xattrs_[kAclAccess] = std::move(inherited.access);
  if (!inherited.inheritable.empty()) child.xattrs_[kAclDefault] = std::move(inherited.inheritable);
}

}  // namespace hati::linux
