// SPDX-License-Identifier: MIT
// Who a thread is: immutable once published, replaced as a whole (credentials(7)). Reading needs no lock beyond taking the reference.
#pragma once

#include <vector>

#include "base/ref.h"
#include "base/types.h"

namespace hati::linux {

using CapabilitySet = u64;
enum Capability : u32 {
  kCapChown = 0, kCapDacOverride, kCapDacReadSearch, kCapFowner, kCapFsetid, kCapKill, kCapSetgid, kCapSetuid, kCapSetpcap, kCapLinuxImmutable,
  kCapNetBindService, kCapNetBroadcast, kCapNetAdmin, kCapNetRaw, kCapIpcLock, kCapIpcOwner, kCapSysModule, kCapSysRawio, kCapSysChroot, kCapSysPtrace,
  kCapSysPacct, kCapSysAdmin, kCapSysBoot, kCapSysNice, kCapSysResource, kCapSysTime, kCapSysTtyConfig, kCapMknod, kCapLease, kCapAuditWrite,
  kCapAuditControl, kCapSetfcap, kCapMacOverride, kCapMacAdmin, kCapSyslog, kCapWakeAlarm, kCapBlockSuspend, kCapAuditRead, kCapPerfmon, kCapBpf,
  kCapCheckpointRestore, kCapabilityCount,
};
inline constexpr CapabilitySet kAllCapabilities = (CapabilitySet{1} << kCapabilityCount) - 1;

class Credentials : public RefCounted<Credentials> {
 public:
  static void destroy(const Credentials* credentials) { delete credentials; }
  static Ref<const Credentials> root();
  // A private copy to change before publication.
  static Ref<Credentials> copy(const Credentials& from);

  bool capable(Capability capability) const { return (effective >> capability & 1) != 0; }
  bool in_group(u32 group) const;

  u32 uid = 0, euid = 0, suid = 0, fsuid = 0;
  u32 gid = 0, egid = 0, sgid = 0, fsgid = 0;
  std::vector<u32> groups;
  CapabilitySet permitted = 0, effective = 0, inheritable = 0, bounding = kAllCapabilities, ambient = 0;
  u32 secure_bits = 0;
  bool no_new_privileges = false;
};

}  // namespace hati::linux
