// SPDX-License-Identifier: MIT
#include "kernel/debug/report.h"

#include "kernel/arch/arch.h"
#include "kernel/debug/backtrace.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/panic_steps.h"

namespace hati {
namespace {

constexpr u64 kDoubleFault = 8, kPageFault = 14;

void print_page_fault(TextSink& sink, u64 error) {
  const u64 address = arch::fault_address();
  format_to(sink, "  {} {:016x} ({})\n",
            (error & kFaultFetch) != 0   ? "executing"
            : (error & kFaultWrite) != 0 ? "writing"
                                         : "reading",
            address, (error & kFaultPresent) != 0 ? "not permitted by its page" : "not mapped");
  if (address < kPageSize)
    sink.write("  that is a null pointer, most likely\n");
  else if (arch::in_stack_guard(address))
    sink.write("  that is a guard page: the kernel stack overflowed\n");
}

void print_registers(TextSink& sink, const KernelFrame& f) {
  format_to(sink, "  rip {:016x}  rsp {:016x}  rflags {:08x}  cs {:02x}  ss {:02x}\n", f.rip, f.rsp, f.rflags, f.cs, f.ss);
  format_to(sink, "  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n", f.rax, f.rbx, f.rcx, f.rdx);
  format_to(sink, "  rsi {:016x}  rdi {:016x}  rbp {:016x}  r8  {:016x}\n", f.rsi, f.rdi, f.rbp, f.r8);
  format_to(sink, "  r9  {:016x}  r10 {:016x}  r11 {:016x}  r12 {:016x}\n", f.r9, f.r10, f.r11, f.r12);
  format_to(sink, "  r13 {:016x}  r14 {:016x}  r15 {:016x}  cr3 {:016x}\n", f.r13, f.r14, f.r15, arch::page_table_root());
}

}  // namespace

const char* exception_name(u64 vector) {
  static constexpr const char* kNames[] = {"divide error",
                                           "debug trap",
                                           "non-maskable interrupt",
                                           "breakpoint",
                                           "overflow",
                                           "bound range exceeded",
                                           "invalid instruction",
                                           "no FPU",
                                           "double fault",
                                           "coprocessor overrun",
                                           "invalid task segment",
                                           "segment not present",
                                           "stack segment fault",
                                           "general protection fault",
                                           "page fault",
                                           "reserved",
                                           "x87 error",
                                           "alignment check",
                                           "machine check",
                                           "SIMD error",
                                           "virtualisation exception",
                                           "control protection fault"};
  return vector < sizeof(kNames) / sizeof(kNames[0]) ? kNames[vector] : "unknown exception";
}

void panic_exception(const KernelFrame& frame) {
  panic_begin();
  PanicSink sink;
  format_to(sink, "\nKernel panic: {} in ", exception_name(frame.vector));
  print_address(sink, frame.rip);
  sink.write("\n");
  if (frame.vector == kPageFault)
    print_page_fault(sink, frame.error);
  else if (frame.vector == kDoubleFault && arch::in_stack_guard(arch::fault_address()))
    sink.write("  the kernel stack overflowed\n");
  else if (frame.error != 0)
    format_to(sink, "  error code {:#x}\n", frame.error);
  panic_print_place(sink);
  print_registers(sink, frame);
  sink.write("Backtrace:\n");
  print_backtrace(sink, frame.rip, frame.rbp);
  panic_end();
}

}  // namespace hati
