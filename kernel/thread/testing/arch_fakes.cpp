// SPDX-License-Identifier: MIT
// For host tests of ipc and threads beside kernel/memory/testing/arena.cpp: a clock that tests set, processors that run nothing.
#include "kernel/thread/testing/arch_fakes.h"

#include "kernel/debug/log.h"
#include "kernel/object/deferred.h"
#include "kernel/object/init.h"

namespace hati {

namespace testing {

std::atomic<u64> clock_ns{1000};

void start_processors(u32 count) {
  static bool done = false;
  make_arena();
  if (done) return;
  done = true;
  futex_init();
  for (u32 i = 0; i < count; ++i) scheduler_init_cpu(cpu_at(i));
}

}  // namespace testing

bool has_deferred_work() { return false; }
bool run_deferred_piece() { return false; }
void log_line(LogLevel, std::string_view) {}
void log_release_console() {}

namespace arch {

u64 now_ns() { return testing::clock_ns.load(std::memory_order_relaxed); }
void arm_timer(Cpu&, u64) {}
void switch_thread(Cpu&, ThreadContext*, ThreadContext*) {}
void save_bases(ThreadContext&) {}
void fpu_init(ThreadPage& page) { page.extended_valid = 1; }
void fpu_save(ThreadContext&) {}
void fpu_discard(ThreadContext&) {}
void init_page(ThreadPage& page, u64 rip, u64 rsp, u64 argument) {
  page.rip = rip;
  page.rsp = rsp;
  page.rdi = argument;
}
Result<u32> interrupt_route(u32, InterruptFlags, Interrupt&) { return fail(Error::kNotFound); }
void interrupt_release(u32) {}
void interrupt_unmask(u32) {}
Interrupt* interrupt_target(u32, u32) { return nullptr; }
Result<MessageRoute> message_route(u32, Interrupt&) { return fail(Error::kNotFound); }
void message_release(u32, u32) {}
u64 port_read(u16, u32) { return 0; }
void port_write(u16, u32, u64) {}

}  // namespace arch

}  // namespace hati
