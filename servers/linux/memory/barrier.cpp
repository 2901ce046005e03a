// SPDX-License-Identifier: MIT
// membarrier(2): memory barriers on all threads of a process. A thread that runs its program is made to trap, which orders its accesses; one that
// does not will pass a barrier on its way back (Thread::run).
#include "servers/linux/memory/calls.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

enum Command : i32 { kQuery = 0, kPrivateExpedited = 8, kRegisterPrivateExpedited = 16 };

bool pending(const Thread& thread) { return (thread.work() & kWorkBarrier) != 0 && thread.in_program(); }

Task<SysResult<>> private_barrier(Thread& thread) {
  std::vector<Ref<Thread>> others;
  for (Ref<Thread>& other : thread.process().get_threads())
    if (other.get() != &thread && other->in_program()) others.push_back(std::move(other));
  if (others.empty()) co_return {};
  Waiter waiter(thread, Waiter::kKillable);
  waiter.add(thread.mm().barrier_passed());
  for (const Ref<Thread>& other : others) other->set_work(kWorkBarrier);
  for (const Ref<Thread>& other : others)
    while (pending(*other)) CO_TRY(co_await waiter.wait());
  co_return {};
}

}  // namespace

Task<SysResult<i64>> sys_membarrier(Thread& thread, i32 command, u32 flags, i32) {
  if (flags != 0) co_return fail(Errno::kINVAL);
  switch (command) {
    case kQuery: co_return kPrivateExpedited | kRegisterPrivateExpedited;
    case kRegisterPrivateExpedited:
      thread.mm().membarrier.fetch_or(kPrivateExpedited, std::memory_order_relaxed);
      co_return 0;
    case kPrivateExpedited:
      if ((thread.mm().membarrier.load(std::memory_order_relaxed) & kPrivateExpedited) == 0) co_return fail(Errno::kPERM);
      CO_TRY(co_await private_barrier(thread));
      co_return 0;
    default: co_return fail(Errno::kINVAL);
  }
}

}  // namespace hati::linux
