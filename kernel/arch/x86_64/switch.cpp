// SPDX-License-Identifier: MIT
// Changing the running thread: everything that the exit path does not load from the page each time.
#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/offsets.h"
#include "kernel/arch/x86_64/registers.h"

extern "C" [[noreturn]] void kernel_resume(bool run);

namespace hati::arch {
namespace {

constexpr u64 kDr7Enables = 0xff, kDr7ExactBits = 3 << 8, kDr7Conditions = 0xffff'0000, kDr7Fixed = 1 << 10, kDr6Reset = 0xffff'0ff0;

[[gnu::noinline]] void load_debug_registers(Cpu& cpu, const ThreadPage& page) {
  const u64 control = page.debug_control;
  if (control == 0) {
    if (cpu.debug_registers) write_dr7(kDr7Fixed);
    cpu.debug_registers = false;
    return;
  }
  // Only what a program may choose, and no breakpoints outside its own addresses. Each word is read once: the supervisor may be writing.
  u64 address[4], allowed = (control & (kDr7Enables | kDr7ExactBits | kDr7Conditions)) | kDr7Fixed;
  for (u32 i = 0; i < 4; ++i) {
    address[i] = page.debug_address[i];
    if (address[i] < kServerBase) continue;
    address[i] = 0;
    allowed &= ~(u64{3} << (i * 2));
  }
  write_dr7(kDr7Fixed);
  write_dr0(address[0]);
  write_dr1(address[1]);
  write_dr2(address[2]);
  write_dr3(address[3]);
  write_dr6(kDr6Reset);
  write_dr7(allowed);
  cpu.debug_registers = true;
}

[[gnu::always_inline]] inline void load_bases(Cpu& cpu, const ThreadPage& page) {
  const u64 fs = page.fs_base, gs = page.gs_base;
  if (!is_canonical(fs) || !is_canonical(gs)) [[unlikely]] {
    spoil_exit(cpu);
    return;
  }
  write_fs_base(fs);
  write_user_gs_base(gs);
}

// A worker of an attached server runs in whatever space it supervises: its pages are in each of them.
[[gnu::always_inline]] inline bool can_stay(const Cpu& cpu, const ThreadContext& to) {
  return to.attached && cpu.space != nullptr && cpu.space->attached_server == to.space_context;
}

[[gnu::always_inline]] inline void load_space_inline(Cpu& cpu, SpaceContext* space) {
  if (cpu.space == space) return;
  const u64 bit = u64{1} << cpu.id;
  SpaceContext* const old = cpu.space;
  if (space != nullptr) {
    // Before the load: from the moment of the load on, whoever changes the tables must know about this processor.
    space->active_cpus.fetch_or(bit, std::memory_order_seq_cst);
    if (space->attached_server != nullptr) space->attached_server->active_cpus.fetch_or(bit, std::memory_order_seq_cst);
  }
  if (space != nullptr) [[likely]] {
    write_cr3(space->root.value);
  } else {
    load_kernel_tables();
  }
  cpu.space = space;
  if (old == nullptr) return;
  // A server's pages stay reachable through a space that it supervises.
  if (space == nullptr || space->attached_server != old) old->active_cpus.fetch_and(~bit, std::memory_order_release);
  SpaceContext* const server = old->attached_server;
  if (server != nullptr && server != space && (space == nullptr || space->attached_server != server))
    server->active_cpus.fetch_and(~bit, std::memory_order_release);
}

[[gnu::always_inline]] inline void load_everything(Cpu& cpu, ThreadContext& to) {
  cpu.context = &to;
  cpu.page = to.page;
  if (to.ring == 3) [[likely]] {
    cpu.exit_code_segment = SELECTOR_USER_CODE;
    cpu.exit_stack_segment = SELECTOR_USER_DATA;
  } else {
    cpu.exit_code_segment = SELECTOR_SERVER_CODE;
    cpu.exit_stack_segment = SELECTOR_SERVER_DATA;
  }
  if (cpu.space != to.space_context && !can_stay(cpu, to)) load_space_inline(cpu, to.space_context);
  load_bases(cpu, *to.page);
  if (to.page->debug_control != 0 || cpu.debug_registers) [[unlikely]]
    load_debug_registers(cpu, *to.page);
}

// fpu_switch(), as far as no state has to move: to the owner, or to a worker, which seldom touches it.
[[gnu::always_inline]] inline void switch_extended(Cpu& cpu, ThreadContext& to) {
  const bool trap = cpu.fpu_owner != &to;
  if (trap && !to.lazy_fpu) [[unlikely]]
    return fpu_switch(cpu, &to);
  if (cpu.fpu_trap == trap) return;
  if (trap) {
    write_cr0(read_cr0() | kCr0TaskSwitched);
  } else {
    asm volatile("clts");
  }
  cpu.fpu_trap = trap;
}

}  // namespace

void load_space(Cpu& cpu, SpaceContext* space) { load_space_inline(cpu, space); }

// With a null selector for CS the exit's iretq faults, which becomes an exception of the thread (arch_on_exit_failure).
void spoil_exit(Cpu& cpu) { cpu.exit_code_segment = 0; }

void save_bases(ThreadContext& thread) {
  thread.page->fs_base = read_fs_base();
  thread.page->gs_base = read_user_gs_base();
}

void reload_thread(Cpu& cpu, ThreadContext& thread) {
  load_everything(cpu, thread);
  fpu_switch(cpu, &thread);
}

void switch_thread(Cpu& cpu, ThreadContext* from, ThreadContext* to) {
  if (from != nullptr && cpu.exit_code_segment != 0) save_bases(*from);
  if (to == nullptr) {
    cpu.context = nullptr;
    cpu.page = nullptr;
    fpu_switch(cpu, nullptr);
    return;
  }
  load_everything(cpu, *to);
  switch_extended(cpu, *to);
}

void enter_scheduler(Cpu& cpu) { kernel_resume(cpu.context != nullptr); }

void init_page(ThreadPage& page, u64 rip, u64 rsp, u64 argument) {
  page.rip = rip;
  page.rsp = rsp;
  page.rdi = argument;
  page.rflags = kRflagsInterrupt | 2;
  fpu_init(page);
}

}  // namespace hati::arch
