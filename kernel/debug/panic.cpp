// SPDX-License-Identifier: MIT
#include "kernel/debug/panic.h"

#include <atomic>

#include "kernel/arch/arch.h"
#include "kernel/boot/command_line.h"
#include "kernel/debug/backtrace.h"
#include "kernel/debug/log_control.h"
#include "kernel/debug/panic_steps.h"

namespace hati {
namespace {

constexpr u16 kDebugExitPort = 0xf4;  // QEMU's isa-debug-exit: status = 2 * value + 1
constexpr usize kLogLines = 20;
constexpr u64 kNsPerSecond = 1'000'000'000;

constinit std::atomic<i32> timeout_seconds{0};
constinit std::atomic<u64> panicking{0};  // 0, or 1 + the id of the processor that panics

u32 current_cpu_id() {
  const Cpu* cpu = arch::try_this_cpu();
  return cpu != nullptr ? cpu->id : 0;
}

}  // namespace

void panic_configure(const CommandLine& line) { timeout_seconds.store(line.panic_seconds); }

void panic_begin() {
  const u64 me = current_cpu_id() + 1;
  u64 expected = 0;
  if (!panicking.compare_exchange_strong(expected, me)) {
    if (expected != me) arch::halt();  // somebody else reports already
    PanicSink sink;
    sink.write("\nKernel panic inside a kernel panic: stopping here.\n");
    arch::port_write(kDebugExitPort, 1, 1);
    arch::halt();
  }
  arch::stop_others();
}

void panic_print_place(TextSink& sink) {
  const Cpu* cpu = arch::try_this_cpu();
  const u64 now = arch::now_ns();
  format_to(sink, "  on CPU {} at {}.{:06} s", current_cpu_id(), now / kNsPerSecond, now % kNsPerSecond / 1000);
  if (cpu != nullptr && cpu->page != nullptr)
    format_to(sink, ", entered from a thread at rip {:016x} rsp {:016x}, rax {:#x}\n", cpu->page->rip, cpu->page->rsp, cpu->page->rax);
  else
    sink.write(", no thread running\n");
}

void panic_end() {
  PanicSink sink;
  sink.write("Last log lines:\n");
  log_dump_tail(kLogLines);
  const i32 seconds = timeout_seconds.load();
  if (seconds == 0)
    sink.write("All processors are stopped.\n");
  else
    format_to(sink, "Rebooting{}.\n", seconds < 0 ? " now" : " soon (panic=)");
  arch::port_write(kDebugExitPort, 1, 1);
  if (seconds == 0) arch::halt();
  const u64 end = arch::now_ns() + static_cast<u64>(seconds > 0 ? seconds : 0) * kNsPerSecond;
  while (arch::now_ns() < end) arch::relax();
  arch::power(PowerAction::kReboot, 0);
}

void panic_text(std::string_view message) {
  panic_begin();
  PanicSink sink;
  format_to(sink, "\nKernel panic: {}\n", message);
  panic_print_place(sink);
  sink.write("Backtrace:\n");
  print_backtrace(sink, 0, reinterpret_cast<u64>(__builtin_frame_address(0)));
  panic_end();
}

void assertion_failed(const char* expression, const char* file, u32 line) { panic("assertion failed: {} ({}:{})", expression, file, line); }

}  // namespace hati
