// SPDX-License-Identifier: MIT
// Threads whose system calls or single steps are reported. The trap flag is in the registers only while the program runs, unless the program has set it itself.
#include "servers/linux/core/thread.h"
#include "servers/linux/process/process.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

constexpr u64 kRflagsTrap = 1 << 8;
constexpr u64 kCallSigreturn = 15;

// A stop at a system call; a signal that the tracer gives is sent to the thread.
Task<> stop_at_call(Thread& thread, u64 message) {
  i32 code = kSigTrap;
  {
    SpinGuard guard(thread.process().signals.lock);
    if ((thread.trace.options & kPtraceOptionSysGood) != 0) code |= 0x80;
  }
  SignalInfo info{.signal = kSigTrap, .code = code};
  info.set_sender(thread.tid(), thread.cred().uid);
  const i32 signal = co_await trace_stop(thread, {.code = code, .info = &info, .message = message});
  if (signal != 0 && signal != code && valid_signal(signal)) (void)send_signal(thread, kernel_signal(signal));
}

struct Mode {
  bool calls, emulate, step;
};
Mode mode_of(const Thread& thread) {
  SpinGuard guard(thread.process().signals.lock);
  const TraceState& trace = thread.trace;
  if (trace.tracer == nullptr) return {};
  return {trace.calls, trace.emulate, trace.step};
}

}  // namespace

Task<> Thread::traced_round() {
  const Mode mode = mode_of(*this);
  // As in run(): either set_work() sees in_program_ and interrupts, or its bits are seen here.
  in_program_.store(true, std::memory_order_seq_cst);
  if ((work_.load(std::memory_order_seq_cst) & ~u32{kWorkTrace}) != 0) {
    in_program_.store(false, std::memory_order_relaxed);
    co_return;
  }
  trace.original_rax = -1;
  const bool forced = mode.step && (page().rflags & kRflagsTrap) == 0;
  if (forced) page().rflags |= kRflagsTrap;
  const Trap trap = co_await native_.resume();
  in_program_.store(false, std::memory_order_relaxed);
  if (forced) page().rflags &= ~kRflagsTrap;
  if (trap == Trap::kCall) {
    co_await traced_call(page().rax);
  } else if (trap == Trap::kException) {
    handle_exception();
  } else if (trap == Trap::kKilled) {
    begin_group_exit(*process_, kSigKill);
  }
}

Task<> Thread::traced_call(u64 number) {
  trace.original_rax = static_cast<i64>(number);
  const Mode mode = mode_of(*this);
  if (mode.calls || mode.emulate) {
    page().rax = static_cast<u64>(-static_cast<i64>(Errno::kNOSYS));
    co_await stop_at_call(*this, kPtraceMessageEntry);
    if (kill_pending()) co_return;
  }
  // The tracer may have put another call in its place, or none (-1), and set what it returns.
  const u32 wanted = static_cast<u32>(trace.original_rax);
  if (wanted != ~u32{0} && !mode.emulate) co_await handle_call(wanted, false);
  if (!mode.emulate) co_await trace_call_end(*this, wanted);
  trace.original_rax = -1;
}

Task<> trace_call_end(Thread& thread, u64 number) {
  if (thread.kill_pending()) co_return;
  thread.trace.original_rax = number == kCallSigreturn ? -1 : static_cast<i64>(number);
  const Mode mode = mode_of(thread);
  if (mode.step) {
    // The step ends behind the call; the instruction itself raised no exception.
    SignalInfo info{.signal = kSigTrap, .code = kTrapBreakpoint};
    info.set_address(thread.page().rip);
    force_signal(thread, info);
  } else if (mode.calls) {
    co_await stop_at_call(thread, kPtraceMessageExit);
  }
  thread.trace.original_rax = -1;
}

}  // namespace hati::linux
