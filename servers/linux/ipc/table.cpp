// SPDX-License-Identifier: MIT
#include "servers/linux/ipc/table.h"

namespace hati::linux {

SysResult<> check_ipc_permission(const Thread& thread, const IpcObject& object, u32 wanted) {
  const Credentials& who = thread.cred();
  const u32 requested = (wanted >> 6 | wanted >> 3 | wanted) & 7;
  u32 granted = object.mode;
  if (who.euid == object.creator_uid || who.euid == object.uid) {
    granted >>= 6;
  } else if (who.in_group(object.creator_gid) || who.in_group(object.gid) || who.egid == object.gid || who.egid == object.creator_gid) {
    granted >>= 3;
  }
  if ((requested & ~granted & 7) != 0 && !who.capable(kCapIpcOwner)) return fail(Errno::kACCES);
  return {};
}

SysResult<> check_ipc_owner(const Thread& thread, const IpcObject& object) {
  const Credentials& who = thread.cred();
  if (who.euid == object.creator_uid || who.euid == object.uid || who.capable(kCapSysAdmin)) return {};
  return fail(Errno::kPERM);
}

UserIpcPermissions permissions_of(const IpcObject& object) {
  UserIpcPermissions result{};
  result.key = object.key;
  result.uid = object.uid;
  result.gid = object.gid;
  result.creator_uid = object.creator_uid;
  result.creator_gid = object.creator_gid;
  result.mode = object.mode;
  result.sequence = static_cast<u16>(object.id >> kIpcIndexBits);
  return result;
}

void set_ipc_permissions(IpcObject& object, const UserIpcPermissions& given) {
  object.uid = given.uid;
  object.gid = given.gid;
  object.mode = (object.mode & ~0777u) | (given.mode & 0777);
}

void own_ipc_object(const Thread& thread, IpcObject& object, i32 key, u32 flags) {
  object.key = key;
  object.uid = object.creator_uid = thread.cred().euid;
  object.gid = object.creator_gid = thread.cred().egid;
  object.mode = flags & 0777;
}

}  // namespace hati::linux
