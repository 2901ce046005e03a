// SPDX-License-Identifier: MIT
#include "kernel/call/table.h"
#include "kernel/ipc/port_range.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/page_cache.h"
#include "kernel/thread/scheduler.h"

namespace hati {

namespace {

constexpr u64 kSyscallBytes = 2;  // of the instruction: a restarted call executes it again

i64 raw(Error error) { return -static_cast<i64>(error); }

// A number that is not the kernel's: the thread's own call entry sees the registers as they were, with rcx and r11 as after `syscall`.
void enter_call_entry(Thread& thread) {
  ThreadPage& page = *thread.page;
  if (thread.call_entry == 0) {
    page.rax = static_cast<u64>(raw(Error::kUnknownCall));
    return;
  }
  page.rcx = page.rip;
  page.r11 = page.rflags;
  page.rip = thread.call_entry;
}

// A call that found memory exhausted, not a limit of its own: it is executed again when something has been freed, or has become clean.
Thread* relieve(Cpu& cpu, Thread& thread) {
  ThreadPage& page = *thread.page;
  const auto relief = page_cache.relieve(thread.page_wait);
  if (relief == PageCache::Relief::kNone)
    page.rax = static_cast<u64>(raw(Error::kNoMemory));
  else
    page.rip -= kSyscallBytes;
  return relief == PageCache::Relief::kWaits ? switch_away(cpu) : leave_kernel(cpu);
}

}  // namespace

Thread* dispatch_call(Cpu& cpu, Thread& thread) {
  ThreadPage& page = *thread.page;
  const u64 index = page.rax - kCallBase;
  if (index == static_cast<u64>(Call::kNull) - kCallBase) {
    page.rax = 0;
    return leave_kernel(cpu);
  }
  if (index >= kCallCount) {
    enter_call_entry(thread);
    return leave_kernel(cpu);
  }
  Caller caller{cpu, thread, thread.process()};
  const Result<u64> result = kCallTable[index].thunk(caller, page);
  if (!result && result.error() == kRestart) {
    page.rip -= kSyscallBytes;
  } else if (!result && result.error() == Error::kNoMemory && frames.low()) [[unlikely]] {
    return relieve(cpu, thread);
  } else {
    page.rax = result ? *result : static_cast<u64>(raw(result.error()));
  }
  return leave_kernel(cpu);
}

Result<Ref<Process>> Caller::get_space(Handle handle, Rights needed) {
  if (handle == kOwnSpace) return Ref<Process>(process);
  auto space = TRY(get<AddressSpace>(handle, needed));
  return Ref<Process>::adopt(static_cast<Process*>(space.release()));
}

Result<> Caller::check_resource(Handle handle, Rights needed) {
  const auto resource = get<Resource>(handle, needed);
  return resource ? Result<>{} : fail(resource.error());
}

Result<u64> Caller::publish(Ref<Object> object, Rights rights) { return process.handles().insert(HandleValue(std::move(object), rights)); }

}  // namespace hati
