// SPDX-License-Identifier: MIT
// Requests of ptrace(2) for signals and for what is known about the current stop.
#include <algorithm>

#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/ptrace/registers.h"
#include "servers/linux/ptrace/requests.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {
namespace {

SysResult<i64> get_info(Thread& thread, Thread& tracee, u64 data) {
  if (!tracee.trace.has_info) return fail(Errno::kINVAL);
  TRY(thread.memory().put(UserPtr<SignalInfo>{data}, tracee.trace.info));
  return 0;
}

SysResult<i64> set_info(Thread& thread, Thread& tracee, u64 data) {
  const SignalInfo info = TRY(thread.memory().get(UserPtr<const SignalInfo>{data}));
  if (!tracee.trace.has_info) return fail(Errno::kINVAL);
  tracee.trace.info = info;
  return 0;
}

// Copies of queued signals; the count of those that there were.
SysResult<i64> peek_info(Thread& thread, Thread& tracee, u64 address, u64 data) {
  const auto request = TRY(thread.memory().get(UserPtr<const PtracePeekSigInfo>{address}));
  if ((request.flags & ~kPeekSigInfoShared) != 0 || request.count < 0) return fail(Errno::kINVAL);
  std::vector<SignalInfo> queued;
  {
    SpinGuard guard(tracee.process().signals.lock);
    const bool shared = (request.flags & kPeekSigInfoShared) != 0;
    const auto& queue = (shared ? tracee.process().signals.pending : tracee.signals.pending).queue();
    u64 index = 0;
    for (const SignalInfo& info : queue)
      if (index++ >= request.offset && queued.size() < static_cast<usize>(request.count)) queued.push_back(info);
  }
  i64 done = 0;
  for (const SignalInfo& info : queued) {
    const auto written = thread.memory().put(UserPtr<SignalInfo>{data + static_cast<u64>(done) * sizeof info}, info);
    if (!written) return done > 0 ? SysResult<i64>(done) : fail(written.error());
    ++done;
  }
  return done;
}

SysResult<i64> get_mask(Thread& thread, Thread& tracee, u64 size, u64 data) {
  if (size != sizeof(SignalSet)) return fail(Errno::kINVAL);
  const SignalThreadState& signals = tracee.signals;
  const SignalSet mask = signals.restore_mask ? signals.saved_mask : signals.mask.load(std::memory_order_relaxed);
  TRY(thread.memory().put(UserPtr<SignalSet>{data}, mask));
  return 0;
}

SysResult<i64> set_mask(Thread& thread, Thread& tracee, u64 size, u64 data) {
  if (size != sizeof(SignalSet)) return fail(Errno::kINVAL);
  const SignalSet mask = TRY(thread.memory().get(UserPtr<const SignalSet>{data}));
  tracee.signals.restore_mask = false;
  set_signal_mask(tracee, mask);
  return 0;
}

}  // namespace

SysResult<i64> signal_request(Thread& thread, Thread& tracee, u64 request, u64 address, u64 data) {
  switch (request) {
    case kPtraceGetSigInfo: return get_info(thread, tracee, data);
    case kPtraceSetSigInfo: return set_info(thread, tracee, data);
    case kPtracePeekSigInfo: return peek_info(thread, tracee, address, data);
    case kPtraceGetSigMask: return get_mask(thread, tracee, address, data);
    default: return set_mask(thread, tracee, address, data);
  }
}

SysResult<i64> syscall_info(Thread& thread, Thread& tracee, u64 size, u64 data) {
  const TraceState& trace = tracee.trace;
  const UserRegisters r = get_registers(tracee);
  PtraceSyscallInfo info{.op = kSyscallInfoNone, .pad = {}, .architecture = kAuditArchX86_64, .rip = r.rip, .rsp = r.rsp, .words = {}};
  u64 bytes = __builtin_offsetof(PtraceSyscallInfo, entry);
  const bool at_call = trace.has_info && (trace.info.code == (kSigTrap | 0x80));
  if (at_call && trace.message == kPtraceMessageEntry) {
    info.op = kSyscallInfoEntry;
    info.entry = {.number = r.original_rax, .arguments = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9}};
    bytes += sizeof info.entry;
  } else if (at_call && trace.message == kPtraceMessageExit) {
    constexpr i64 kErrorMax = 4095;
    const i64 value = static_cast<i64>(r.rax);
    info.op = kSyscallInfoExit;
    info.exit = {.value = value, .is_error = value < 0 && value >= -kErrorMax, .pad = {}};
    bytes += __builtin_offsetof(decltype(info.exit), pad);
  }
  TRY(thread.memory().write(data, &info, std::min(size, bytes)));
  return static_cast<i64>(bytes);
}

}  // namespace hati::linux
