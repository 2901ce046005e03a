// SPDX-License-Identifier: MIT
// prctl(2), arch_prctl(2), set_tid_address(2), personality(2).
#include "servers/linux/core/trace.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/identity.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

enum Option : i32 {
  kSetDeathSignal = 1, kGetDeathSignal = 2, kGetDumpable = 3, kSetDumpable = 4, kGetKeepCaps = 7, kSetKeepCaps = 8, kGetTiming = 13, kSetTiming = 14,
  kSetName = 15, kGetName = 16, kGetSeccomp = 21, kSetSeccomp = 22, kReadBounding = 23, kDropBounding = 24, kGetTsc = 25, kSetTsc = 26,
  kGetSecureBits = 27, kSetSecureBits = 28, kSetTimerSlack = 29, kGetTimerSlack = 30, kMemoryFailure = 33, kSetMm = 35, kSetSubreaper = 36,
  kGetSubreaper = 37, kSetNoNewPrivileges = 38, kGetNoNewPrivileges = 39, kGetTidAddress = 40, kSetThpDisable = 41, kGetThpDisable = 42, kAmbient = 47,
  kSetPtracer = 0x59616d61,
};

SysResult<i64> set_name(Thread& thread, u64 address) {
  char name[16] = {};
  for (int i = 0; i < 15; ++i) {
    TRY(thread.memory().read(address + static_cast<u64>(i), &name[i], 1));
    if (name[i] == 0) break;
  }
  thread.set_comm(name);
  return 0;
}

SysResult<i64> get_name(Thread& thread, u64 address) {
  char name[16] = {};
  thread.comm().copy(name, 15);
  TRY(thread.memory().write(address, name, sizeof name));
  return 0;
}

// Changes a private copy of the credentials.
template <class Change>
SysResult<i64> change(Thread& thread, Change&& change) {
  auto fresh = Credentials::copy(thread.cred());
  change(*fresh);
  thread.set_credentials(std::move(fresh));
  return 0;
}

SysResult<i64> keep_caps(Thread& thread, u64 value) {
  if (value > 1) return fail(Errno::kINVAL);
  return change(thread, [value](Credentials& c) { c.secure_bits = value != 0 ? c.secure_bits | kSecureKeepCaps : c.secure_bits & ~u32{kSecureKeepCaps}; });
}

SysResult<i64> drop_bounding(Thread& thread, u64 capability) {
  if (!thread.capable(kCapSetpcap)) return fail(Errno::kPERM);
  if (capability >= kCapabilityCount) return fail(Errno::kINVAL);
  return change(thread, [capability](Credentials& c) { c.bounding &= ~(CapabilitySet{1} << capability); });
}

SysResult<i64> set_secure_bits(Thread& thread, u64 bits) {
  constexpr u32 kAll = 0xff, kLocks = 0xaa;
  const u32 old = thread.cred().secure_bits;
  if ((bits & ~u64{kAll}) != 0 || !thread.capable(kCapSetpcap)) return fail(Errno::kPERM);
  // A locked bit cannot change, nor be unlocked.
  if (((old & kLocks) & ~bits) != 0 || (((old & kLocks) >> 1) & (old ^ bits)) != 0) return fail(Errno::kPERM);
  return change(thread, [bits](Credentials& c) { c.secure_bits = static_cast<u32>(bits); });
}

SysResult<i64> ambient(Thread& thread, u64 what, u64 capability, u64 c, u64 d) {
  enum { kIsSet = 1, kRaise = 2, kLower = 3, kClearAll = 4 };
  if (what == kClearAll) {
    if (capability != 0 || c != 0 || d != 0) return fail(Errno::kINVAL);
    return change(thread, [](Credentials& fresh) { fresh.ambient = 0; });
  }
  if (what < kIsSet || what > kClearAll || capability >= kCapabilityCount || c != 0 || d != 0) return fail(Errno::kINVAL);
  const CapabilitySet bit = CapabilitySet{1} << capability;
  const Credentials& old = thread.cred();
  if (what == kIsSet) return (old.ambient & bit) != 0 ? 1 : 0;
  if (what == kRaise && ((old.permitted & old.inheritable & bit) == 0 || (old.secure_bits & kSecureNoCapAmbientRaise) != 0)) return fail(Errno::kPERM);
  return change(thread, [=](Credentials& fresh) { fresh.ambient = what == kRaise ? fresh.ambient | bit : fresh.ambient & ~bit; });
}

SysResult<i64> set_no_new_privileges(Thread& thread, u64 a, u64 b, u64 c, u64 d) {
  if (a != 1 || b != 0 || c != 0 || d != 0) return fail(Errno::kINVAL);
  return change(thread, [](Credentials& fresh) { fresh.no_new_privileges = true; });
}

SysResult<i64> set_subreaper(Thread& thread, bool value) {
  SpinGuard guard(ProcessTable::lock);
  thread.process().child_subreaper = value;
  return 0;
}

SysResult<i64> get_subreaper(Thread& thread, u64 address) {
  i32 value;
  {
    SpinGuard guard(ProcessTable::lock);
    value = thread.process().child_subreaper ? 1 : 0;
  }
  TRY(thread.memory().put(UserPtr<i32>{address}, value));
  return 0;
}

}  // namespace

SysResult<i64> sys_prctl(Thread& thread, i32 option, u64 a, u64 b, u64 c, u64 d) {
  Process& process = thread.process();
  const bool rest = (b | c | d) != 0;
  switch (option) {
    case kSetDeathSignal:
      if (a > kSignalCount) return fail(Errno::kINVAL);
      thread.parent_death_signal = static_cast<i32>(a);
      return 0;
    case kGetDeathSignal: TRY(thread.memory().put(UserPtr<i32>{a}, thread.parent_death_signal)); return 0;
    case kGetDumpable: return process.dumpable.load(std::memory_order_relaxed) ? 1 : 0;
    case kSetDumpable:
      if (a > 1) return fail(Errno::kINVAL);
      process.dumpable.store(a != 0, std::memory_order_relaxed);
      return 0;
    case kGetKeepCaps: return (thread.cred().secure_bits & kSecureKeepCaps) != 0 ? 1 : 0;
    case kSetKeepCaps: return keep_caps(thread, a);
    case kGetTiming: return 0;
    case kSetTiming: return a == 0 ? SysResult<i64>(0) : fail(Errno::kINVAL);
    case kSetName: return set_name(thread, a);
    case kGetName: return get_name(thread, a);
    case kGetSeccomp: return 0;
    case kReadBounding:
      if (a >= kCapabilityCount) return fail(Errno::kINVAL);
      return static_cast<i64>(thread.cred().bounding >> a & 1);
    case kDropBounding: return drop_bounding(thread, a);
    case kGetTsc: TRY(thread.memory().put(UserPtr<i32>{a}, 1)); return 0;
    case kSetTsc: return a == 1 ? SysResult<i64>(0) : fail(Errno::kINVAL);
    case kGetSecureBits: return thread.cred().secure_bits;
    case kSetSecureBits: return set_secure_bits(thread, a);
    case kSetTimerSlack: thread.timer_slack_ns = static_cast<i64>(a) <= 0 ? 50'000 : a; return 0;
    case kGetTimerSlack: return static_cast<i64>(thread.timer_slack_ns);
    case kSetSubreaper: return set_subreaper(thread, a != 0);
    case kGetSubreaper: return get_subreaper(thread, a);
    case kSetNoNewPrivileges: return set_no_new_privileges(thread, a, b, c, d);
    case kGetNoNewPrivileges:
      if (a != 0 || rest) return fail(Errno::kINVAL);
      return thread.cred().no_new_privileges ? 1 : 0;
    case kGetTidAddress: TRY(thread.memory().put(UserPtr<u64>{a}, thread.clear_child_tid)); return 0;
    case kGetThpDisable: return (a != 0 || rest) ? fail(Errno::kINVAL) : SysResult<i64>(0);
    case kAmbient: return ambient(thread, a, b, c, d);
    default:
      note_unknown_option(thread, "prctl", static_cast<u32>(option));
      return fail(Errno::kINVAL);
  }
}

SysResult<i64> sys_arch_prctl(Thread& thread, u32 option, u64 address) {
  enum { kSetGs = 0x1001, kSetFs = 0x1002, kGetFs = 0x1003, kGetGs = 0x1004 };
  ThreadPage& page = thread.page();
  switch (option) {
    case kSetGs:
    case kSetFs:
      if (address >= 0x7ffffffff000) return fail(Errno::kPERM);
      (option == kSetFs ? page.fs_base : page.gs_base) = address;
      return 0;
    case kGetFs: TRY(thread.memory().put(UserPtr<u64>{address}, page.fs_base)); return 0;
    case kGetGs: TRY(thread.memory().put(UserPtr<u64>{address}, page.gs_base)); return 0;
    default:
      note_unknown_option(thread, "arch_prctl", option);
      return fail(Errno::kINVAL);
  }
}

SysResult<i64> sys_set_tid_address(Thread& thread, u64 address) {
  thread.clear_child_tid = address;
  return thread.tid();
}

SysResult<i64> sys_personality(Thread& thread, u32 persona) {
  std::atomic<u32>& current = thread.process().personality;
  if (persona == 0xffff'ffff) return current.load(std::memory_order_relaxed);
  return current.exchange(persona, std::memory_order_relaxed);
}

}  // namespace hati::linux
