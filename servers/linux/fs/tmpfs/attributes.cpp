// SPDX-License-Identifier: MIT
// Extended attributes of tmpfs, POSIX access lists among them: the permission bits follow the list and the list follows chmod(2).
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/vfs/acl.h"

namespace hati::linux {

namespace {

constexpr usize kBytesMax = 65536;  // names and values of one inode

bool xattr_supported(const std::string& name) {
  return name.starts_with("user.") || name.starts_with("trusted.") || name.starts_with("security.") || is_acl_name(name);
}

}  // namespace

SysResult<std::string> TmpfsInode::get_xattr(const std::string& name) {
  if (!xattr_supported(name)) return fail(Errno::kOPNOTSUPP);
  SpinGuard guard(lock_);
  const auto found = xattrs_.find(name);
  if (found == xattrs_.end()) return fail(Errno::kNODATA);
  return found->second;
}

SysResult<> TmpfsInode::set_xattr(const std::string& name, std::string value, u32 flags) {
  if (!xattr_supported(name)) return fail(Errno::kOPNOTSUPP);
  SpinGuard guard(lock_);
  const bool exists = xattrs_.contains(name);
  if ((flags & kXattrCreate) != 0 && exists) return fail(Errno::kEXIST);
  if ((flags & kXattrReplace) != 0 && !exists) return fail(Errno::kNODATA);
  usize total = name.size() + value.size();
  for (const auto& [key, old] : xattrs_) total += key.size() + old.size();
  if (total > kBytesMax) return fail(Errno::kNOSPC);
  if (is_acl_name(name)) {
    TRY(set_access_list(name, std::move(value)));
  } else {
    xattrs_[name] = std::move(value);
  }
  attributes_.change = wall_time_now();
  return {};
}

SysResult<> TmpfsInode::remove_xattr(const std::string& name) {
  if (!xattr_supported(name)) return fail(Errno::kOPNOTSUPP);
  SpinGuard guard(lock_);
  if (xattrs_.erase(name) == 0) {
    if (is_acl_name(name)) return {};  // as posix_acl_xattr_set() without a value
    return fail(Errno::kNODATA);
  }
  attributes_.change = wall_time_now();
  return {};
}

SysResult<std::vector<std::string>> TmpfsInode::list_xattr() {
  std::vector<std::string> names;
  SpinGuard guard(lock_);
  for (const auto& [name, value] : xattrs_) names.push_back(name);
  return names;
}

SysResult<> TmpfsInode::set_access_list(const std::string& name, std::string value) {
  const Acl acl = TRY(parse_acl(value));
  if (acl.empty()) {
    xattrs_.erase(name);
    return {};
  }
  if (name == kAclAccess) {
    mode_.store(mode_with_acl(mode(), acl), std::memory_order_relaxed);
    if (mode_equivalent(acl)) {
      xattrs_.erase(name);
      return {};
    }
  }
  xattrs_[name] = std::move(value);
  return {};
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
  std::string inherited;
  {
    SpinGuard guard(lock_);
    const auto found = xattrs_.find(kAclDefault);
    if (found == xattrs_.end() || child.is(kSymbolicLink)) return;
    inherited = found->second;
  }
  auto acl = parse_acl(inherited);
  if (!acl) return;
  SpinGuard guard(child.lock_);  // nobody else sees it yet
  u32 mode = child.mode();
  if (restrict_new_acl(*acl, mode)) child.xattrs_[kAclAccess] = acl_text(*acl);
  child.mode_.store(mode, std::memory_order_relaxed);
  if ((mode & kTypeMask) == kDirectory) child.xattrs_[kAclDefault] = std::move(inherited);
}

}  // namespace hati::linux
