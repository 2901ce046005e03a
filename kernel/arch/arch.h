// SPDX-License-Identifier: MIT
// What the portable kernel asks of the processor and the machine. Implemented in kernel/arch/x86_64.
// `class Thread : public Object, public arch::ThreadContext` and AddressSpace has an arch::SpaceContext, so that threads can be passed
// here without this room knowing them.
#pragma once

#include <atomic>

#include "abi/call.h"
#include "abi/ring.h"
#include "abi/startup.h"
#include "abi/thread.h"
#include "base/result.h"
#include "base/types.h"
#include "kernel/arch/vector_numbers.h"
#include "kernel/cpu/cpu.h"

namespace hati {

class Interrupt;

namespace arch {

// --- Address spaces -------------------------------------------------------------------------------------------------------

// The part of an address space that the context switch needs. Constant once threads run in it, except active_cpus.
struct SpaceContext {
  PhysAddr root;
  // A supervised space of an attached server: that server's context (whose pages are in this space, too). Else nullptr.
  SpaceContext* attached_server = nullptr;
  // Processors that may have translations of this space: set before the root is loaded, cleared after another is. For an attached server
  // this includes the processors on which one of its supervised spaces is loaded. An idle processor keeps its last space loaded.
  std::atomic<u64> active_cpus{0};
};

// Loads a root without any bookkeeping; prefer load_space(Cpu&, SpaceContext*).
void load_root(PhysAddr root);
// Makes `space` (nullptr: the kernel's own page tables) the loaded one on this processor and keeps active_cpus. No-op if it is loaded.
void load_space(Cpu& cpu, SpaceContext* space);
// For the destruction of a space: if it is loaded here, its attached server's or the kernel's own tables are loaded instead.
void leave_space(Cpu& cpu, SpaceContext& space);
PhysAddr kernel_root();               // PML4 whose slots 256..511 are to be copied into every space
void invalidate_page(u64 address);    // this processor only
void invalidate_all();                // this processor only, without global (kernel) pages

// --- Threads --------------------------------------------------------------------------------------------------------------

struct ThreadContext {
  ThreadPage* page = nullptr;
  SpaceContext* space_context = nullptr;
  u8 ring = 3;             // 3, or 1 for threads of an attached server
  bool lazy_fpu = false;   // a server's worker: another thread's extended state may stay in the processor while it runs
  bool attached = false;   // thread of an attached server: any space that it supervises may stay loaded while it runs
  // The processor whose registers hold this thread's extended state, -1: `page->extended` does. Written by that processor.
  std::atomic<i32> fpu_cpu{-1};
};

// Makes `to` the thread whose registers the next kernel exit loads; nullptr: idle. `from` is what the previous call had as `to`.
// Saves and loads fs/gs base, page tables, extended state and debug registers. Hostile values in the page (non-canonical bases, malformed
// extended state) make `to` fault with vector 13 at the exit. The caller sets cpu.current.
void switch_thread(Cpu& cpu, ThreadContext* from, ThreadContext* to);

// The page of the running thread gets its fs_base and gs_base (otherwise written at the switch away). For kThreadReadState of oneself.
void save_bases(ThreadContext& thread);
// The running thread's page was changed (a native thread set its own fs_base, debug registers...): load it anew at this exit.
void reload_thread(Cpu& cpu, ThreadContext& thread);

// Extended state of a new thread: the processor's initial state; sets extended_size and extended_valid.
void fpu_init(ThreadPage& page);
// If this processor holds the thread's extended state, writes it to the page and gives up the ownership (used for kFpuSync, kThreadSyncState,
// before a thread moves to another processor and before it is destroyed). Must run on processor fpu_cpu.
void fpu_save(ThreadContext& thread);
// The state in this processor is not wanted any more (the thread is being destroyed).
void fpu_discard(ThreadContext& thread);
u32 fpu_state_size();

// A thread's page is ready to run: registers zero, rflags valid, extended state initial.
void init_page(ThreadPage& page, u64 rip, u64 rsp, u64 argument);

// --- Time -----------------------------------------------------------------------------------------------------------------

u64 now_ns();  // since boot; monotonic on all processors
void arm_timer(Cpu& cpu, u64 deadline_ns);  // this processor's one-shot timer (vector kVectorTimer); kNever disarms; past: at once
void fill_clock_page(ClockPage& page);
i64 wall_offset_ns();  // hardware clock at boot, to add to now_ns()
u64 tsc_hz();
u64 entropy();  // RDSEED / RDRAND where present, mixed with time stamps

// --- Interrupts -----------------------------------------------------------------------------------------------------------

enum class Ipi : u32 {
  kReschedule,
  kShootdown,
  kFpuSync,
  kStop
};  // vector = kVectorIpiFirst + kind; kStop never reaches the kernel proper
void send_ipi(u32 cpu, Ipi kind);  // other processors only

// Before kernel_on_interrupt(cpu, vector) is called the interrupt has been acknowledged at the local APIC and, if level triggered, masked at
// the I/O APIC: nothing is left to do but to find the object and count. interrupt_unmask() comes with the driver's acknowledgement.
// kBusy: the line is in use; kNotFound: no such line; kNoSpace: no vector left. The line starts masked.
Result<u32> interrupt_route(u32 gsi, InterruptFlags flags, Interrupt& target);
void interrupt_release(u32 gsi);  // masks, frees the vector
void interrupt_mask(u32 gsi);
void interrupt_unmask(u32 gsi);

// Messages (MSI, MSI-X): a write of `data` to `address` by a device raises the vector on that processor. Edges: nothing is masked.
struct MessageRoute {
  u64 address;
  u32 data;
  u32 cpu, vector;
};
// On processor `cpu_wanted` if there is such a one with a free vector, else where most are free. kNoSpace.
Result<MessageRoute> message_route(u32 cpu_wanted, Interrupt& target);
void message_release(u32 cpu, u32 vector);
inline constexpr u32 kLineCpu = 0;  // where lines arrive

Interrupt* interrupt_target(u32 cpu, u32 vector);  // nullptr: none (spurious)

// --- Machine --------------------------------------------------------------------------------------------------------------

void fill_platform_info(PlatformInfo& info);
u64 port_read(u16 port, u32 width);  // width 1, 2 or 4
void port_write(u16 port, u32 width, u64 value);
[[noreturn]] void power(PowerAction action, u32 code);  // kOff, kReboot; kPanic panics with the code
void start_other_cpus();  // once, by the first one
[[noreturn]] void halt();  // this processor, for ever
// Leaves C++: the stack is abandoned and cpu.context is run (nullptr: idle), as at a kernel exit.
[[noreturn]] void enter_scheduler(Cpu& cpu);

struct Features {
  bool fsgsbase, smep, smap, umip, pge, pcid, invpcid, x2apic, xsaveopt, rdrand, rdseed, gigabyte_pages, tsc_aux, avx, avx512, tsc_known;
};
const Features& features();

// For reports of panics: these never fault.
Cpu* try_this_cpu();  // nullptr: GS does not lead to a Cpu
bool is_mapped(u64 address);  // a kernel address that can be read
bool in_stack_guard(u64 address);
u64 fault_address();  // CR2
u64 page_table_root();  // CR3
void stop_others();  // all other processors stop for ever, whatever they do

inline void relax() { __builtin_ia32_pause(); }

}  // namespace arch

// Implemented in kernel/thread/entry.cpp. They return the thread to run next (already made current with switch_thread), nullptr to idle.
extern "C" {
Thread* kernel_on_call(Cpu* cpu);  // the syscall instruction; cpu->current is set
// `address`: CR2 for vector 14, else 0. Exceptions of threads only. #NM and kernel faults never come here. For vector 14 kFaultUser is
// always set, whatever the ring.
Thread* kernel_on_exception(Cpu* cpu, u32 vector, u64 error, u64 address);
Thread* kernel_on_interrupt(Cpu* cpu, u32 vector);  // also from idle (cpu->current == nullptr)
}

// Implemented in kernel/thread: called with interrupts off before a processor halts. Runs deferred work and looks for threads; the
// thread to run (already current), or nullptr: then interrupts are enabled and the processor halts; whatever wakes it comes through
// kernel_on_interrupt.
Thread* scheduler_idle(Cpu& cpu);

}  // namespace hati
