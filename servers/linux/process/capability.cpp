// SPDX-License-Identifier: MIT
// capget(2), capset(2) and the rules of capabilities(7) for execve.
#include "servers/linux/process/calls.h"
#include "servers/linux/process/identity.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

// How many 32-bit halves this version has; 0 for an unknown one, after the preferred one was written back.
SysResult<int> halves(Thread& thread, UserPtr<CapabilityHeader> header, CapabilityHeader& value) {
  value = TRY(thread.memory().get(header));
  switch (value.version) {
    case kCapabilityVersion1: return 1;
    case kCapabilityVersion2:
    case kCapabilityVersion3: return 2;
    default:
      value.version = kCapabilityVersion3;
      TRY(thread.memory().put(header, value));
      return 0;
  }
}

bool subset(CapabilitySet a, CapabilitySet b) { return (a & ~b) == 0; }

}  // namespace

void capabilities_after_exec(Credentials& c, bool set_id) {
  const bool root_rules = (c.secure_bits & kSecureNoRoot) == 0;
  if (root_rules && (c.uid == 0 || c.euid == 0)) {
    // The file counts as having all capabilities; effective only if the effective user is root.
    c.permitted = c.inheritable | c.bounding;
    c.effective = c.euid == 0 ? c.permitted : 0;
    if (set_id) c.ambient = 0;
  } else {
    if (set_id) c.ambient = 0;
    c.permitted = c.effective = c.ambient;
  }
  c.secure_bits &= ~u32{kSecureKeepCaps};
}

SysResult<i64> sys_capget(Thread& thread, UserPtr<CapabilityHeader> header, UserPtr<CapabilityData> data) {
  CapabilityHeader value{};
  const int count = TRY(halves(thread, header, value));
  if (count == 0) {
    if (!data) return 0;
    return fail(Errno::kINVAL);
  }
  if (value.pid < 0) return fail(Errno::kINVAL);
  Ref<const Credentials> target = thread.credentials();
  if (value.pid != 0 && value.pid != thread.tid()) {
    const Ref<Thread> other = thread.world().processes().find_thread(value.pid);
    if (!other) return fail(Errno::kSRCH);
    target = other->credentials();
  }
  if (!data) return 0;
  for (int half = 0; half < count; ++half) {
    const auto part = [half](CapabilitySet set) { return static_cast<u32>(set >> (32 * half)); };
    const CapabilityData words{part(target->effective), part(target->permitted), part(target->inheritable)};
    TRY(thread.memory().put(data + static_cast<u64>(half), words));
  }
  return 0;
}

SysResult<i64> sys_capset(Thread& thread, UserPtr<CapabilityHeader> header, UserPtr<const CapabilityData> data) {
  CapabilityHeader value{};
  const int count = TRY(halves(thread, header, value));
  if (count == 0) return fail(Errno::kINVAL);
  if (value.pid != 0 && value.pid != thread.tid()) return fail(Errno::kPERM);
  CapabilitySet effective = 0, permitted = 0, inheritable = 0;
  for (int half = 0; half < count; ++half) {
    const CapabilityData words = TRY(thread.memory().get(data + static_cast<u64>(half)));
    effective |= CapabilitySet{words.effective} << (32 * half);
    permitted |= CapabilitySet{words.permitted} << (32 * half);
    inheritable |= CapabilitySet{words.inheritable} << (32 * half);
  }
  effective &= kAllCapabilities;
  permitted &= kAllCapabilities;
  inheritable &= kAllCapabilities;
  const Credentials& old = thread.cred();
  if (!old.capable(kCapSetpcap) && !subset(inheritable, old.inheritable | old.permitted)) return fail(Errno::kPERM);
  if (!subset(inheritable, old.inheritable | old.bounding)) return fail(Errno::kPERM);
  if (!subset(permitted, old.permitted) || !subset(effective, permitted)) return fail(Errno::kPERM);
  auto fresh = Credentials::copy(old);
  fresh->effective = effective;
  fresh->permitted = permitted;
  fresh->inheritable = inheritable;
  fresh->ambient &= permitted & inheritable;
  thread.set_credentials(std::move(fresh));
  return 0;
}

}  // namespace hati::linux
