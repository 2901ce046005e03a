// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/acl.h"

#include <algorithm>
#include <cstring>

#include "servers/linux/process/credentials.h"

namespace hati::linux {

namespace {

constexpr u32 kVersion = 2;
constexpr usize kHeader = sizeof(u32);

AclEntry* find(Acl& acl, u16 tag) {
  for (AclEntry& entry : acl)
    if (entry.tag == tag) return &entry;
  return nullptr;
}
const AclEntry* find(const Acl& acl, u16 tag) { return find(const_cast<Acl&>(acl), tag); }

bool is_tag(u16 tag) { return tag != 0 && (tag & (tag - 1)) == 0 && tag <= kAclOther; }

}  // namespace

// The order that acl(5) demands: owner, users, group, groups, mask (needed with named entries), others.
bool is_valid_acl(const Acl& acl) {
  static constexpr u16 kOrder[] = {kAclUserObject, kAclUser, kAclGroupObject, kAclGroup, kAclMask, kAclOther};
  usize at = 0;
  bool named = false;
  if (acl.empty()) return true;
  for (const AclEntry& entry : acl) {
    if ((entry.permissions & ~7u) != 0) return false;
    while (at < std::size(kOrder) && kOrder[at] != entry.tag) {
      if (kOrder[at] == kAclUserObject || kOrder[at] == kAclGroupObject) return false;  // missing
      ++at;
    }
    if (at == std::size(kOrder)) return false;
    const bool repeats = entry.tag == kAclUser || entry.tag == kAclGroup;
    named = named || repeats;
    if (entry.tag == kAclOther) return &entry == &acl.back() && (!named || find(acl, kAclMask) != nullptr);
    if (!repeats) ++at;
  }
  return false;
}

SysResult<Acl> parse_acl(std::string_view text) {
  u32 version = 0;
  if (text.size() < kHeader) return fail(Errno::kINVAL);
  std::memcpy(&version, text.data(), sizeof version);
  if (version != kVersion) return fail(Errno::kOPNOTSUPP);
  if ((text.size() - kHeader) % sizeof(AclEntry) != 0) return fail(Errno::kINVAL);
  Acl acl((text.size() - kHeader) / sizeof(AclEntry));
  if (acl.empty()) return acl;
  std::memcpy(acl.data(), text.data() + kHeader, acl.size() * sizeof(AclEntry));
  if (!std::ranges::all_of(acl, is_tag, &AclEntry::tag)) return fail(Errno::kINVAL);
  return acl;
}

std::string acl_text(const Acl& acl) {
  std::string text(kHeader + acl.size() * sizeof(AclEntry), '\0');
  std::memcpy(text.data(), &kVersion, sizeof kVersion);
  if (!acl.empty()) std::memcpy(text.data() + kHeader, acl.data(), acl.size() * sizeof(AclEntry));
  return text;
}

std::optional<u32> mode_equivalent(const Acl& acl) {
  u32 mode = 0;
  for (const AclEntry& entry : acl) {
    switch (entry.tag) {
      case kAclUserObject: mode |= u32{entry.permissions} << 6; break;
      case kAclGroupObject: mode |= u32{entry.permissions} << 3; break;
      case kAclOther: mode |= entry.permissions; break;
      default: return std::nullopt;
    }
  }
  return mode;
}

u32 mode_with_acl(u32 mode, const Acl& acl) {
  const AclEntry* group = find(acl, kAclMask) != nullptr ? find(acl, kAclMask) : find(acl, kAclGroupObject);
  const AclEntry *user = find(acl, kAclUserObject), *other = find(acl, kAclOther);
  if (group == nullptr || user == nullptr || other == nullptr) return mode;
  return (mode & ~0777u) | u32{user->permissions} << 6 | u32{group->permissions} << 3 | other->permissions;
}

void change_acl_mode(Acl& acl, u32 mode) {
  AclEntry* group = find(acl, kAclMask) != nullptr ? find(acl, kAclMask) : find(acl, kAclGroupObject);
  if (group != nullptr) group->permissions = mode >> 3 & 7;
  if (AclEntry* user = find(acl, kAclUserObject)) user->permissions = mode >> 6 & 7;
  if (AclEntry* other = find(acl, kAclOther)) other->permissions = mode & 7;
}

bool restrict_new_acl(Acl& acl, u32& mode) {
  const auto restrict = [&](AclEntry* entry, u32 shift) {
    if (entry == nullptr) return;
    entry->permissions &= mode >> shift & 7;
    mode &= ~(7u << shift) | u32{entry->permissions} << shift;
  };
  restrict(find(acl, kAclUserObject), 6);
  restrict(find(acl, kAclMask) != nullptr ? find(acl, kAclMask) : find(acl, kAclGroupObject), 3);
  restrict(find(acl, kAclOther), 0);
  return !mode_equivalent(acl).has_value();
}

AclChange change_acl(std::string_view name, std::string value, u32 mode, bool keep_set_group_id) {
  const SysResult<Acl> acl = parse_acl(value);
  if (!acl || acl->empty()) return {.value = {}, .mode = mode};
  if (name == kAclDefault) return {.value = std::move(value), .mode = mode};
  mode = mode_with_acl(mode, *acl);
  if (!keep_set_group_id) mode &= ~u32{kModeSetGid};
  return {.value = mode_equivalent(*acl) ? std::string() : std::move(value), .mode = mode};
}

InheritedAcl inherit_acl(const std::string& default_list, u32 mode) {
  InheritedAcl result{.access = {}, .inheritable = {}, .mode = mode};
  SysResult<Acl> acl = parse_acl(default_list);
  if (!acl || acl->empty() || (mode & kTypeMask) == kSymbolicLink) return result;
  if (restrict_new_acl(*acl, result.mode)) result.access = acl_text(*acl);
  if ((mode & kTypeMask) == kDirectory) result.inheritable = default_list;
  return result;
}

SysResult<> check_acl(const Credentials& credentials, const Acl& acl, const Inode::Owner& owner, u32 access) {
  const AclEntry* mask = find(acl, kAclMask);
  const auto allows = [&](u32 permissions) -> SysResult<> {
    if ((access & ~permissions & 7) != 0) return fail(Errno::kACCES);
    return {};
  };
  const auto masked = [&](const AclEntry& entry) {
    return allows(mask != nullptr ? entry.permissions & mask->permissions : entry.permissions);
  };
  bool in_some_group = false;
  for (const AclEntry& entry : acl) {
    const auto member = [&](u32 group) { return credentials.fsgid == group || credentials.in_group(group); };
    if (entry.tag == kAclUserObject && credentials.fsuid == owner.uid) return allows(entry.permissions);
    if (entry.tag == kAclUser && credentials.fsuid == entry.id) return masked(entry);
    if ((entry.tag == kAclGroupObject && member(owner.gid)) || (entry.tag == kAclGroup && member(entry.id))) {
      in_some_group = true;
      if ((access & ~u32{entry.permissions} & 7) == 0) return masked(entry);
    }
    if (entry.tag == kAclOther && !in_some_group) return allows(entry.permissions);
  }
  return fail(Errno::kACCES);
}

}  // namespace hati::linux
