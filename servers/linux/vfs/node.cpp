// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/node.h"

#include "servers/linux/vfs/acl.h"

namespace hati::linux {

NewNode new_node(Thread& thread, Inode& parent, u32 mode, u64 device_number) {
  const Credentials& credentials = thread.cred();
  const Inode::Owner directory = parent.owner();
  NewNode node{.mode = mode, .uid = credentials.fsuid, .gid = credentials.fsgid, .device_number = device_number};
  if ((mode & kTypeMask) != kSymbolicLink && !parent.acl(kAclDefault)) node.mode &= ~thread.fs().umask();
  if ((directory.mode & kModeSetGid) == 0) return node;
  node.gid = directory.gid;
  if ((mode & kTypeMask) == kDirectory) {
    node.mode |= kModeSetGid;
  } else if ((node.mode & (kModeSetGid | 0010)) == (kModeSetGid | 0010) && !may_set_group_id(credentials, node.gid)) {
    node.mode &= ~u32{kModeSetGid};
  }
  return node;
}

SysResult<> may_create(Thread& thread, const Path& parent) {
  if (parent.dentry->unlinked()) return fail(Errno::kNOENT);
  return check_permission(thread.cred(), parent, kAccessWrite | kAccessExecute);
}

bool may_set_group_id(const Credentials& credentials, u32 group) {
  return credentials.fsgid == group || credentials.in_group(group) || credentials.capable(kCapFsetid);
}

bool owns(const Credentials& credentials, const Inode& inode) {
  return credentials.fsuid == inode.owner().uid || credentials.capable(kCapFowner);
}

SysResult<> may_delete(Thread& thread, const Path& parent, const Dentry& victim, bool want_directory) {
  const Credentials& credentials = thread.cred();
  TRY(check_permission(credentials, parent, kAccessWrite | kAccessExecute));
  const Inode::Owner directory = parent.inode()->owner();
  if ((directory.mode & kModeSticky) != 0 && credentials.fsuid != directory.uid && !owns(credentials, *victim.inode()))
    return fail(Errno::kPERM);
  const bool is_directory = victim.inode()->is(kDirectory);
  if (want_directory && !is_directory) return fail(Errno::kNOTDIR);
  if (!want_directory && is_directory) return fail(Errno::kISDIR);
  return {};
}

}  // namespace hati::linux
