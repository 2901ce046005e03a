// SPDX-License-Identifier: MIT
// ptrace(2): the tracer's requests. A request that looks at a tracee freezes it first, so that not even SIGKILL takes its registers away meanwhile.
#include "servers/linux/core/trace.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/ptrace/calls.h"
#include "servers/linux/ptrace/link.h"
#include "servers/linux/ptrace/requests.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

// Holds a stopped tracee.
class Frozen {
 public:
  static SysResult<Frozen> hold(Thread& tracer, Thread& tracee) {
    SpinGuard guard(tracee.process().signals.lock);
    TraceState& trace = tracee.trace;
    if (trace.tracer != &tracer || !trace.stopped || trace.listening || trace.frozen) return fail(Errno::kSRCH);
    trace.frozen = true;
    return Frozen(tracee);
  }
  Frozen(Frozen&& other) noexcept : tracee_(std::exchange(other.tracee_, nullptr)) {}
  Frozen& operator=(Frozen&&) = delete;
  ~Frozen() {
    if (tracee_ == nullptr) return;
    SpinGuard guard(tracee_->process().signals.lock);
    tracee_->trace.frozen = false;
    tracee_->trace.changed.wake_all();
  }

 private:
  explicit Frozen(Thread& tracee) : tracee_(&tracee) {}
  Thread* tracee_;
};

SysResult<u32> options_of(u64 data) {
  if ((data & ~u64{kPtraceOptionsAll}) != 0) return fail(Errno::kINVAL);
  if ((data & kPtraceOptionSuspendSeccomp) != 0) return fail(Errno::kINVAL);  // as a kernel without checkpoint support
  return static_cast<u32>(data);
}

// PTRACE_CONT and its kin: `data` is the signal to deliver.
SysResult<i64> resume(Thread& tracee, u64 request, u64 data) {
  if (data > static_cast<u64>(kSignalCount)) return fail(Errno::kIO);
  TraceState& trace = tracee.trace;
  SpinGuard guard(tracee.process().signals.lock);
  trace.calls = request == kPtraceSyscall;
  trace.emulate = request == kPtraceSysEmu || request == kPtraceSysEmuSingleStep;
  trace.step = request == kPtraceSingleStep || request == kPtraceSysEmuSingleStep;
  if (trace.calls || trace.emulate || trace.step) {
    tracee.set_work(kWorkTrace);
  } else {
    tracee.clear_work(kWorkTrace);
  }
  trace.code = static_cast<i32>(data);
  trace.stopped = false;
  return 0;
}

SysResult<i64> detach(Thread& tracee, u64 data) {
  if (data > static_cast<u64>(kSignalCount)) return fail(Errno::kIO);
  Ref<Thread> self;
  SpinGuard tree(ProcessTable::lock);
  SpinGuard guard(tracee.process().signals.lock);
  tracee.trace.code = static_cast<i32>(data);
  self = trace_unlink(tracee);
  return 0;
}

SysResult<i64> interrupt(Thread& tracer, Thread& tracee) {
  SpinGuard guard(tracee.process().signals.lock);
  TraceState& trace = tracee.trace;
  if (trace.tracer != &tracer || trace.dead) return fail(Errno::kSRCH);
  if (!trace.seized) return fail(Errno::kIO);
  trace_group_changed(tracee);
  return 0;
}

SysResult<i64> listen(Thread& tracee) {
  SpinGuard guard(tracee.process().signals.lock);
  TraceState& trace = tracee.trace;
  if (!trace.seized || !trace.has_info || trace.info.code >> 8 != kPtraceEventStop) return fail(Errno::kIO);
  trace.listening = true;
  // What happened since the stop is told at once.
  if (trace.trap_wanted) trace_group_changed(tracee);
  return 0;
}

SysResult<i64> kill(Thread& tracer, Thread& tracee) {
  {
    SpinGuard guard(tracee.process().signals.lock);
    if (tracee.trace.tracer != &tracer) return fail(Errno::kSRCH);
  }
  TRY(send_signal(tracee, kernel_signal(kSigKill)));
  return 0;
}

SysResult<i64> attach(Thread& tracer, Thread& tracee, bool seize, u64 address, u64 data) {
  u32 options = 0;
  if (seize) {
    if (address != 0 || !options_of(data)) return fail(Errno::kIO);
    options = TRY(options_of(data));
  }
  TRY(trace_attach(tracer, tracee, seize, options));
  return 0;
}

SysResult<i64> peek(Thread& thread, Thread& tracee, u64 address, u64 data) {
  u64 word = 0;
  const usize got = TRY(debug_read(tracee.memory(), address, &word, sizeof word));
  if (got != sizeof word) return fail(Errno::kIO);
  TRY(thread.memory().put(UserPtr<u64>{data}, word));
  return 0;
}

SysResult<i64> poke(Thread& tracee, u64 address, u64 word) {
  const usize done = TRY(debug_write(tracee.memory(), address, &word, sizeof word));
  if (done != sizeof word) return fail(Errno::kIO);
  return 0;
}

// Requests for a tracee that is stopped.
SysResult<i64> stopped_request(Thread& thread, Thread& tracee, u64 request, u64 address, u64 data) {
  switch (request) {
    case kPtracePeekText:
    case kPtracePeekData: return peek(thread, tracee, address, data);
    case kPtracePokeText:
    case kPtracePokeData: return poke(tracee, address, data);
    case kPtracePeekUser:
    case kPtracePokeUser:
    case kPtraceGetRegs:
    case kPtraceSetRegs:
    case kPtraceGetFpRegs:
    case kPtraceSetFpRegs:
    case kPtraceGetRegSet:
    case kPtraceSetRegSet:
    case kPtraceArchPrctl: return register_request(thread, tracee, request, address, data);
    case kPtraceGetSigInfo:
    case kPtraceSetSigInfo:
    case kPtracePeekSigInfo:
    case kPtraceGetSigMask:
    case kPtraceSetSigMask: return signal_request(thread, tracee, request, address, data);
    case kPtraceGetSyscallInfo: return syscall_info(thread, tracee, address, data);
    case kPtraceOldSetOptions:
    case kPtraceSetOptions: {
      const u32 options = TRY(options_of(data));
      SpinGuard guard(tracee.process().signals.lock);
      tracee.trace.options = options;
      return 0;
    }
    case kPtraceGetEventMessage: TRY(thread.memory().put(UserPtr<u64>{data}, tracee.trace.message)); return 0;
    case kPtraceListen: return listen(tracee);
    case kPtraceDetach: return detach(tracee, data);
    case kPtraceCont:
    case kPtraceSyscall:
    case kPtraceSingleStep:
    case kPtraceSysEmu:
    case kPtraceSysEmuSingleStep: return resume(tracee, request, data);
    default: note_unknown_option(thread, "ptrace", request); return fail(Errno::kIO);
  }
}

}  // namespace

SysResult<i64> sys_ptrace(Thread& thread, u64 request, i32 pid, u64 address, u64 data) {
  if (request == kPtraceTraceMe) {
    TRY(trace_me(thread));
    return 0;
  }
  const Ref<Thread> tracee = thread.world().processes().find_thread(pid);
  if (!tracee) return fail(Errno::kSRCH);
  switch (request) {
    case kPtraceAttach:
    case kPtraceSeize: return attach(thread, *tracee, request == kPtraceSeize, address, data);
    case kPtraceInterrupt: return interrupt(thread, *tracee);
    case kPtraceKill: return kill(thread, *tracee);
    default: break;
  }
  const Frozen frozen = TRY(Frozen::hold(thread, *tracee));
  return stopped_request(thread, *tracee, request, address, data);
}

}  // namespace hati::linux
