// SPDX-License-Identifier: MIT
// POSIX access control lists (acl(5)) in the form in which setxattr(2) takes and file systems keep them. Pure functions on values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "servers/linux/core/errno.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

inline const std::string kAclAccess = "system.posix_acl_access", kAclDefault = "system.posix_acl_default";
inline bool is_acl_name(std::string_view name) { return name == kAclAccess || name == kAclDefault; }

enum AclTag : u16 { kAclUserObject = 1, kAclUser = 2, kAclGroupObject = 4, kAclGroup = 8, kAclMask = 16, kAclOther = 32 };
struct AclEntry {
  u16 tag, permissions;
  u32 id;
  bool operator==(const AclEntry&) const = default;
};
static_assert(sizeof(AclEntry) == 8);
using Acl = std::vector<AclEntry>;

// Empty: no list at all. kINVAL for what is no list, kOPNOTSUPP for another version.
SysResult<Acl> parse_acl(std::string_view text);
// Whether its entries are those that acl(5) demands, in their order; no entries at all are valid, too.
bool is_valid_acl(const Acl& acl);
std::string acl_text(const Acl& acl);
// The mode that says the same, if there is one: no named users or groups, no mask.
std::optional<u32> mode_equivalent(const Acl& acl);
// The permission bits of a file that has this list: `mode` otherwise.
u32 mode_with_acl(u32 mode, const Acl& acl);
// chmod(2) of a file with this list.
void change_acl_mode(Acl& acl, u32 mode);
// A new file inherits `acl`: both shrink to what `mode` allows. False: the mode alone says it all.
bool restrict_new_acl(Acl& acl, u32& mode);
// The mode of a file and the list to keep, empty if there is none, after `value` was set as its list `name`.
struct AclChange {
  std::string value;
  u32 mode;
};
AclChange change_acl(std::string_view name, std::string value, u32 mode, bool keep_set_group_id);
// What a new file has from the default list of its directory; lists that it does not have are empty.
struct InheritedAcl {
  std::string access, inheritable;
  u32 mode;
};
InheritedAcl inherit_acl(const std::string& default_list, u32 mode);
// Access by somebody who is not the owner or may be; `access` as in check_permission(). kACCES.
SysResult<> check_acl(const Credentials& credentials, const Acl& acl, const Inode::Owner& owner, u32 access);

}  // namespace hati::linux
