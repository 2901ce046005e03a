// SPDX-License-Identifier: MIT
// What happens on entry to the kernel, by reason: calls, exceptions, interrupts, and what an idle processor does.
#include "kernel/arch/arch.h"
#include "kernel/call/table.h"
#include "kernel/debug/log.h"
#include "kernel/ipc/interrupt.h"
#include "kernel/memory/page_cache.h"
#include "kernel/memory/shootdown.h"
#include "kernel/object/deferred.h"
#include "kernel/thread/process.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/system_statistics.h"
#include "kernel/thread/thread.h"

namespace hati {

namespace {

constexpr u32 kVectorPageFault = 14;
constexpr u64 kIdleDeferredNs = 100'000;  // of deferred work, before interrupts are let in
constinit PerCpu<std::atomic<u64>> page_faults;

u64 fault_bits(FaultResult result) {
  switch (result) {
    case FaultResult::kResolved:
    case FaultResult::kAccess: return 0;
    case FaultResult::kUnmapped: return kFaultUnmapped;
    case FaultResult::kBeyondEnd: return kFaultBeyondEnd;
    case FaultResult::kNoMemory: return kFaultNoMemory;
    case FaultResult::kNotResident: return kFaultIo;
  }
  return 0;
}

// A native thread fails: its process ends. The registers stay readable; init makes a report of them.
Thread* crash(Cpu& cpu, Thread& thread, u32 vector, u64 error, u64 address) {
  thread.note_fault(vector, error, address);
  log(LogLevel::kError, "process {} thread {} failed: vector {} error {:x} address {:x} rip {:x} rsp {:x}", thread.process().koid(), thread.koid(),
      vector, error, address, thread.page->rip, thread.page->rsp);
  if (const auto state = thread.read_state()) thread.process().record_crash(*state, thread.koid());
  thread.process().terminate(-1, ThreadEnd::kFaulted, thread.koid());
  thread.exit_current(-1, ThreadEnd::kFaulted);
  return leave_kernel(cpu);
}

Thread* raise(Cpu& cpu, Thread& thread, u32 vector, u64 error, u64 address) {
  if (!thread.supervised()) return crash(cpu, thread, vector, error, address);
  ThreadPage& page = *thread.page;
  page.vector = vector;
  page.error_code = error;
  page.fault_address = address;
  return trap_supervised(cpu, thread, Trap::kException, vector);
}

// Memory is exhausted: the access is tried again when something has been freed, or has become clean.
Thread* relieve(Cpu& cpu, Thread& thread, u64 error, u64 address) {
  const auto relief = frames.low() ? page_cache.relieve(thread.page_wait) : PageCache::Relief::kNone;
  if (relief == PageCache::Relief::kWaits) return switch_away(cpu);
  if (relief == PageCache::Relief::kNone) return raise(cpu, thread, kVectorPageFault, error | kFaultNoMemory, address);
  return leave_kernel(cpu);
}

// The page must be brought first: the thread sleeps until its pager has answered, then tries the access again.
Thread* wait_for_page(Cpu& cpu, Thread& thread, u64 error, u64 address) {
  if (thread.page_wait.take_error(address)) return raise(cpu, thread, kVectorPageFault, error | kFaultIo, address);
  thread.page_wait.expect(address);
  const auto access = (error & kFaultWrite) != 0 ? PagedMemory::Access::kWrite : PagedMemory::Access::kFault;
  const auto asked = thread.process().wait_for_page(address, 1, access, &thread.page_wait);
  if (!asked && asked.error() == Error::kNoMemory) return relieve(cpu, thread, error, address);
  if (!asked) return raise(cpu, thread, kVectorPageFault, error | kFaultIo, address);
  if (*asked != PagedMemory::Bring::kWaits) return leave_kernel(cpu);
  thread.process().count_major_fault();
  return switch_away(cpu);
}

}  // namespace

u64 page_fault_count() {
  u64 sum = 0;
  for (u32 cpu = 0; cpu < cpu_count(); ++cpu) sum += page_faults.at(cpu).load(std::memory_order_relaxed);
  return sum;
}

extern "C" Thread* kernel_on_call(Cpu* cpu) {
  Thread& thread = *cpu->current;
  if (thread.supervised()) return trap_supervised(*cpu, thread, Trap::kCall, 0);
  if (thread.page->rax == static_cast<u64>(Call::kRingEnter)) return enter_ring(*cpu, thread);
  return dispatch_call(*cpu, thread);
}

extern "C" Thread* kernel_on_exception(Cpu* cpu, u32 vector, u64 error, u64 address) {
  Thread& thread = *cpu->current;
  if (vector != kVectorPageFault) return raise(*cpu, thread, vector, error, address);
  std::atomic<u64>& count = page_faults.at(cpu->id);
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // Each thread's accesses are judged by its own space, also where another one's tables are loaded (attached servers).
  const FaultResult result = thread.process().handle_fault(address, error);
  if (result == FaultResult::kResolved) [[likely]] return leave_kernel(*cpu);
  if (result == FaultResult::kNotResident) return wait_for_page(*cpu, thread, error, address);
  if (result == FaultResult::kNoMemory) return relieve(*cpu, thread, error, address);
  return raise(*cpu, thread, vector, error | fault_bits(result), address);
}

extern "C" Thread* kernel_on_interrupt(Cpu* cpu, u32 vector) {
  if (vector == arch::kVectorTimer) {
    scheduler_timer(*cpu);
  } else if (vector == arch::kVectorIpiFirst + static_cast<u32>(arch::Ipi::kReschedule)) {
    scheduler_at(cpu->id).attention.fetch_or(CpuScheduler::kReschedule, std::memory_order_relaxed);
  } else if (vector == arch::kVectorIpiFirst + static_cast<u32>(arch::Ipi::kShootdown)) {
    shootdown.on_interrupt();
  } else if (vector == arch::kVectorIpiFirst + static_cast<u32>(arch::Ipi::kFpuSync)) {
    if (cpu->fpu_owner != nullptr && cpu->fpu_owner != cpu->context) arch::fpu_save(*cpu->fpu_owner);
  } else {
    Interrupt::dispatch(cpu->id, vector);  // none: the line was given back while the interrupt was on its way
  }
  return leave_kernel(*cpu);
}

Thread* scheduler_idle(Cpu& cpu) {
  CpuScheduler& cs = scheduler_at(cpu.id);
  const u64 end = arch::now_ns() + kIdleDeferredNs;
  for (;;) {
    while (has_deferred_work() && cs.attention.load(std::memory_order_relaxed) == CpuScheduler::kDeferred) {
      if (!run_deferred_piece()) cs.attention.fetch_and(~CpuScheduler::kDeferred, std::memory_order_relaxed);
      if (arch::now_ns() > end) {
        program_deferred_tick(cpu);
        return nullptr;
      }
    }
    if (Thread* next = leave_kernel(cpu)) return next;
    // The search for a thread may have ended one, and its end is deferred work: nothing but this CPU itself would come back to it.
    if (cs.attention.load(std::memory_order_relaxed) == 0) return nullptr;
  }
}

}  // namespace hati
