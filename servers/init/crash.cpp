// SPDX-License-Identifier: MIT
#include "servers/init/crash.h"

#include <algorithm>

#include "runtime/log.h"

namespace hati::init {

namespace {

const char* exception_name(u64 vector) {
  switch (vector) {
    case 0: return "division error";
    case 1: return "debug exception";
    case 3: return "breakpoint";
    case 4: return "overflow";
    case 6: return "invalid instruction (a failed check or abort)";
    case 13: return "general protection fault";
    case 14: return "page fault";
    case 16:
    case 19: return "floating-point exception";
    case 17: return "alignment check";
    default: return "exception";
  }
}

void print_registers(const ThreadState& s) {
  log_error("  rip {:016x} rsp {:016x} rflags {:08x}", s.rip, s.rsp, s.rflags);
  log_error("  rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}", s.rax, s.rbx, s.rcx, s.rdx);
  log_error("  rsi {:016x} rdi {:016x} rbp {:016x} fs  {:016x}", s.rsi, s.rdi, s.rbp, s.fs_base);
  log_error("  r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}", s.r8, s.r9, s.r10, s.r11);
  log_error("  r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x}", s.r12, s.r13, s.r14, s.r15);
}

}  // namespace

void report_crash(const std::string& name, const LoadedProcess& process, const SpaceEnded& ended, const SymbolTable& symbols) {
  CrashReport crash{};
  if (auto read = call::space_read_crash(process.space.get(), crash); !read) {
    log_error("{} has crashed (thread {}); its registers are lost: {}", name, ended.thread_koid, error_name(read.error()));
    return;
  }
  const ThreadState& state = crash.state;
  log_error("{} has crashed: {} {}, error code {:#x}, address {:#x}", name, exception_name(state.vector), state.vector, state.error_code,
            state.fault_address);
  print_registers(state);
  log_error("  in {}", symbols.describe(state.rip - process.load_base));
  for (u32 i = 0; i < std::min<u32>(crash.frame_count, std::size(crash.frames)); ++i) {
    // A return address lies after its call: look at the call itself.
    log_error("  by {} ({:x})", symbols.describe(crash.frames[i] - 1 - process.load_base), crash.frames[i] - process.load_base);
  }
}

}  // namespace hati::init
