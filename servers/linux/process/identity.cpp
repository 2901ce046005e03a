// SPDX-License-Identifier: MIT
// Who a thread is: ids and groups (credentials(7), setuid(2), setresuid(2), setgroups(2)). Credentials are replaced as a whole.
#include <algorithm>

#include "servers/linux/process/calls.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/identity.h"

namespace hati::linux {

Ref<const Credentials> Credentials::root() {
  auto credentials = Ref<Credentials>::adopt(new Credentials);
  credentials->permitted = credentials->effective = kAllCapabilities;
  return credentials;
}

Ref<Credentials> Credentials::copy(const Credentials& from) {
  auto result = Ref<Credentials>::adopt(new Credentials);
  Credentials& to = *result;
  to.uid = from.uid; to.euid = from.euid; to.suid = from.suid; to.fsuid = from.fsuid;
  to.gid = from.gid; to.egid = from.egid; to.sgid = from.sgid; to.fsgid = from.fsgid;
  to.groups = from.groups;
  to.permitted = from.permitted; to.effective = from.effective; to.inheritable = from.inheritable;
  to.bounding = from.bounding; to.ambient = from.ambient;
  to.secure_bits = from.secure_bits;
  to.no_new_privileges = from.no_new_privileges;
  return result;
}

bool Credentials::in_group(u32 group) const { return fsgid == group || std::find(groups.begin(), groups.end(), group) != groups.end(); }

void adjust_capabilities(Credentials& fresh, const Credentials& old) {
  if ((fresh.secure_bits & kSecureNoSetuidFixup) != 0) return;
  const bool had_root = old.uid == 0 || old.euid == 0 || old.suid == 0;
  const bool has_root = fresh.uid == 0 || fresh.euid == 0 || fresh.suid == 0;
  if (had_root && !has_root) {
    if ((fresh.secure_bits & kSecureKeepCaps) == 0) fresh.permitted = fresh.effective = 0;
    fresh.ambient = 0;
  }
  if (old.euid == 0 && fresh.euid != 0) fresh.effective = 0;
  if (old.euid != 0 && fresh.euid == 0) fresh.effective = fresh.permitted;
}

namespace {

constexpr u32 kKeep = ~u32{0};
// Capabilities that go with the file system's user id.
constexpr CapabilitySet kFsCapabilities = CapabilitySet{1} << kCapChown | CapabilitySet{1} << kCapDacOverride | CapabilitySet{1} << kCapDacReadSearch |
                                          CapabilitySet{1} << kCapFowner | CapabilitySet{1} << kCapFsetid | CapabilitySet{1} << kCapLinuxImmutable |
                                          CapabilitySet{1} << kCapMknod | CapabilitySet{1} << kCapMacOverride;

// Publishes new credentials of the calling thread.
SysResult<i64> commit(Thread& thread, Ref<Credentials> fresh) {
  const Credentials& old = thread.cred();
  if (fresh->uid != old.uid) {
    ProcessTable& table = thread.world().processes();
    SpinGuard guard(ProcessTable::lock);
    count_task(table, fresh->uid, 1);
    count_task(table, old.uid, -1);
  }
  if (fresh->euid != old.euid || fresh->egid != old.egid || fresh->fsuid != old.fsuid || fresh->fsgid != old.fsgid) {
    thread.process().dumpable.store(false, std::memory_order_relaxed);
    thread.parent_death_signal = 0;
  }
  thread.set_credentials(std::move(fresh));
  return 0;
}

// setresuid(2) in terms of one id kind: which values an unprivileged caller may choose.
bool may_choose(u32 wanted, u32 real, u32 effective, u32 saved) {
  return wanted == kKeep || wanted == real || wanted == effective || wanted == saved;
}

}  // namespace

SysResult<i64> sys_getpid(Thread& thread) { return thread.process().pid; }
SysResult<i64> sys_gettid(Thread& thread) { return thread.tid(); }
SysResult<i64> sys_getppid(Thread& thread) { return thread.process().parent_id.load(std::memory_order_relaxed); }
SysResult<i64> sys_getuid(Thread& thread) { return thread.cred().uid; }
SysResult<i64> sys_geteuid(Thread& thread) { return thread.cred().euid; }
SysResult<i64> sys_getgid(Thread& thread) { return thread.cred().gid; }
SysResult<i64> sys_getegid(Thread& thread) { return thread.cred().egid; }

SysResult<i64> sys_getresuid(Thread& thread, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved) {
  const Credentials& c = thread.cred();
  TRY(thread.memory().put(real, c.uid));
  TRY(thread.memory().put(effective, c.euid));
  TRY(thread.memory().put(saved, c.suid));
  return 0;
}

SysResult<i64> sys_getresgid(Thread& thread, UserPtr<u32> real, UserPtr<u32> effective, UserPtr<u32> saved) {
  const Credentials& c = thread.cred();
  TRY(thread.memory().put(real, c.gid));
  TRY(thread.memory().put(effective, c.egid));
  TRY(thread.memory().put(saved, c.sgid));
  return 0;
}

SysResult<i64> sys_setuid(Thread& thread, u32 uid) {
  if (uid == kKeep) return fail(Errno::kINVAL);
  const Credentials& old = thread.cred();
  auto fresh = Credentials::copy(old);
  if (old.capable(kCapSetuid)) {
    fresh->uid = fresh->suid = uid;
  } else if (uid != old.uid && uid != old.suid) {
    return fail(Errno::kPERM);
  }
  fresh->euid = fresh->fsuid = uid;
  adjust_capabilities(*fresh, old);
  return commit(thread, std::move(fresh));
}

SysResult<i64> sys_setgid(Thread& thread, u32 gid) {
  if (gid == kKeep) return fail(Errno::kINVAL);
  const Credentials& old = thread.cred();
  auto fresh = Credentials::copy(old);
  if (old.capable(kCapSetgid)) {
    fresh->gid = fresh->sgid = gid;
  } else if (gid != old.gid && gid != old.sgid) {
    return fail(Errno::kPERM);
  }
  fresh->egid = fresh->fsgid = gid;
  return commit(thread, std::move(fresh));
}

SysResult<i64> sys_setreuid(Thread& thread, u32 real, u32 effective) {
  const Credentials& old = thread.cred();
  if (!old.capable(kCapSetuid)) {
    if (real != kKeep && real != old.uid && real != old.euid) return fail(Errno::kPERM);
    if (!may_choose(effective, old.uid, old.euid, old.suid)) return fail(Errno::kPERM);
  }
  auto fresh = Credentials::copy(old);
  if (real != kKeep) fresh->uid = real;
  if (effective != kKeep) fresh->euid = effective;
  if (real != kKeep || (effective != kKeep && effective != old.uid)) fresh->suid = fresh->euid;
  fresh->fsuid = fresh->euid;
  adjust_capabilities(*fresh, old);
  return commit(thread, std::move(fresh));
}

SysResult<i64> sys_setregid(Thread& thread, u32 real, u32 effective) {
  const Credentials& old = thread.cred();
  if (!old.capable(kCapSetgid)) {
    if (real != kKeep && real != old.gid && real != old.egid) return fail(Errno::kPERM);
    if (!may_choose(effective, old.gid, old.egid, old.sgid)) return fail(Errno::kPERM);
  }
  auto fresh = Credentials::copy(old);
  if (real != kKeep) fresh->gid = real;
  if (effective != kKeep) fresh->egid = effective;
  if (real != kKeep || (effective != kKeep && effective != old.gid)) fresh->sgid = fresh->egid;
  fresh->fsgid = fresh->egid;
  return commit(thread, std::move(fresh));
}

SysResult<i64> sys_setresuid(Thread& thread, u32 real, u32 effective, u32 saved) {
  const Credentials& old = thread.cred();
  if (!old.capable(kCapSetuid)) {
    for (const u32 id : {real, effective, saved})
      if (!may_choose(id, old.uid, old.euid, old.suid)) return fail(Errno::kPERM);
  }
  auto fresh = Credentials::copy(old);
  if (real != kKeep) fresh->uid = real;
  if (effective != kKeep) fresh->euid = effective;
  if (saved != kKeep) fresh->suid = saved;
  fresh->fsuid = fresh->euid;
  adjust_capabilities(*fresh, old);
  return commit(thread, std::move(fresh));
}

SysResult<i64> sys_setresgid(Thread& thread, u32 real, u32 effective, u32 saved) {
  const Credentials& old = thread.cred();
  if (!old.capable(kCapSetgid)) {
    for (const u32 id : {real, effective, saved})
      if (!may_choose(id, old.gid, old.egid, old.sgid)) return fail(Errno::kPERM);
  }
  auto fresh = Credentials::copy(old);
  if (real != kKeep) fresh->gid = real;
  if (effective != kKeep) fresh->egid = effective;
  if (saved != kKeep) fresh->sgid = saved;
  fresh->fsgid = fresh->egid;
  return commit(thread, std::move(fresh));
}

SysResult<i64> sys_setfsuid(Thread& thread, u32 uid) {
  const Credentials& old = thread.cred();
  const u32 before = old.fsuid;
  if (uid == kKeep || (uid != old.uid && uid != old.euid && uid != old.suid && uid != old.fsuid && !old.capable(kCapSetuid))) return before;
  auto fresh = Credentials::copy(old);
  fresh->fsuid = uid;
  if ((old.secure_bits & kSecureNoSetuidFixup) == 0) {
    if (old.fsuid == 0 && uid != 0) fresh->effective &= ~kFsCapabilities;
    if (old.fsuid != 0 && uid == 0) fresh->effective |= fresh->permitted & kFsCapabilities;
  }
  TRY(commit(thread, std::move(fresh)));
  return before;
}

SysResult<i64> sys_setfsgid(Thread& thread, u32 gid) {
  const Credentials& old = thread.cred();
  const u32 before = old.fsgid;
  if (gid == kKeep || (gid != old.gid && gid != old.egid && gid != old.sgid && gid != old.fsgid && !old.capable(kCapSetgid))) return before;
  auto fresh = Credentials::copy(old);
  fresh->fsgid = gid;
  TRY(commit(thread, std::move(fresh)));
  return before;
}

SysResult<i64> sys_getgroups(Thread& thread, i32 count, UserPtr<u32> list) {
  if (count < 0) return fail(Errno::kINVAL);
  const std::vector<u32>& groups = thread.cred().groups;
  if (count != 0) {
    if (groups.size() > static_cast<usize>(count)) return fail(Errno::kINVAL);
    TRY(thread.memory().write(list.address, groups.data(), groups.size() * sizeof(u32)));
  }
  return static_cast<i64>(groups.size());
}

SysResult<i64> sys_setgroups(Thread& thread, i32 count, UserPtr<const u32> list) {
  constexpr i32 kGroupsMax = 65536;
  if (!thread.capable(kCapSetgid)) return fail(Errno::kPERM);
  if (count < 0 || count > kGroupsMax) return fail(Errno::kINVAL);
  auto fresh = Credentials::copy(thread.cred());
  fresh->groups = TRY(thread.memory().get_array(list, static_cast<usize>(count), kGroupsMax));
  std::sort(fresh->groups.begin(), fresh->groups.end());
  return commit(thread, std::move(fresh));
}

}  // namespace hati::linux
