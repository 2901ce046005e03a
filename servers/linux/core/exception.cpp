// SPDX-License-Identifier: MIT
// Processor exceptions of programs become signals (arch/x86 traps; signal(7), sigaction(2) si_code).
#include <cstring>

#include "runtime/log.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

enum Vector : u32 {
  kDivide = 0,
  kDebug = 1,
  kBreakpoint = 3,
  kOverflow = 4,
  kBound = 5,
  kInvalidOpcode = 6,
  kNotPresent = 11,
  kStackSegment = 12,
  kProtection = 13,
  kPageFault = 14,
  kFpu = 16,
  kAlignment = 17,
  kSimd = 19
};

// SDM volume 1, 8.5 and 11.5: the lowest unmasked exception wins, as fpu__exception_code() has it.
i32 float_code(u32 raised) {
  if ((raised & 0x01) != 0) return kFpeFltInvalid;
  if ((raised & 0x04) != 0) return kFpeFltDivide;
  if ((raised & 0x08) != 0) return kFpeFltOverflow;
  if ((raised & 0x12) != 0) return kFpeFltUnderflow;
  if ((raised & 0x20) != 0) return kFpeFltInexact;
  return 0;
}

i32 float_code(Thread& thread, u32 vector) {
  if (thread.page().extended_valid == 0 && !thread.native().sync_state()) return 0;
  const u8* state = thread.page().extended;
  u16 control, status;
  u32 mxcsr;
  std::memcpy(&control, state, 2);
  std::memcpy(&status, state + 2, 2);
  std::memcpy(&mxcsr, state + 24, 4);
  if (vector == kFpu) return float_code(status & ~u32{control} & 0x3f);
  return float_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
}

SignalInfo at(i32 signal, i32 code, u64 address) {
  SignalInfo info{.signal = signal, .code = code};
  info.set_address(address);
  return info;
}

SignalInfo page_fault(Thread& thread, const ThreadPage& page) {
  if ((page.error_code & kFaultNoMemory) != 0) {
    // A shared object could not grow (a full tmpfs): the access fails, the process may go on.
    const auto info = thread.mm().space().query(page.fault_address);
    if (info && info->memory_koid != 0 && has(info->flags, MapFlags::kShared)) return at(kSigBus, kBusAdrErr, page.fault_address);
    log_error("Out of memory: Killed process {} ({})", thread.process().pid, thread.comm());
    return kernel_signal(kSigKill);
  }
  if ((page.error_code & kFaultBeyondEnd) != 0) return at(kSigBus, kBusAdrErr, page.fault_address);
  return at(kSigSegv, (page.error_code & kFaultUnmapped) != 0 ? kSegvMapErr : kSegvAccErr, page.fault_address);
}

// A step, or a breakpoint or watchpoint of the debug registers (SDM volume 3, 17.2).
SignalInfo debug_trap(Thread& thread) {
  constexpr u64 kBreakpoints = 0xf, kStep = 1 << 14, kExecuteOnly = 3, kRflagsResume = 1 << 16;
  ThreadPage& page = thread.page();
  const u64 status = page.debug_status;
  thread.trace.debug_status = status & (kBreakpoints | kStep);
  for (u32 i = 0; i < 4; ++i) {
    // A fault before the instruction: it shall run when the thread goes on.
    const bool execution = (page.debug_control >> (16 + i * 4) & kExecuteOnly) == 0;
    if ((status >> i & 1) != 0 && execution) page.rflags |= kRflagsResume;
  }
  const i32 code = (status & kStep) != 0 ? kTrapTrace : (status & kBreakpoints) != 0 ? kTrapHwBreakpoint : kTrapBreakpoint;
  return at(kSigTrap, code, page.rip);
}

SignalInfo classify(Thread& thread, const ThreadPage& page) {
  switch (page.vector) {
    case kDivide: return at(kSigFpe, kFpeIntDivide, page.rip);
    case kDebug: return debug_trap(thread);
    case kBreakpoint: return kernel_signal(kSigTrap);
    case kInvalidOpcode: return at(kSigIll, kIllOperand, page.rip);
    case kNotPresent:
    case kStackSegment: return kernel_signal(kSigBus);
    case kPageFault: return page_fault(thread, page);
    case kFpu:
    case kSimd: return at(kSigFpe, float_code(thread, page.vector), page.rip);
    case kAlignment: return at(kSigBus, kBusAdrAln, 0);
    default: return kernel_signal(kSigSegv);
  }
}

}  // namespace

void Thread::handle_exception() {
  const ThreadPage& registers = page();
  fault = {.vector = registers.vector, .error = registers.error_code & 0xffff'ffff, .address = registers.fault_address};
  const SignalInfo info = classify(*this, registers);
  if (info.signal == kSigKill) return begin_group_exit(*process_, kSigKill);
  force_signal(*this, info);
}

}  // namespace hati::linux
