// SPDX-License-Identifier: MIT
#include "kernel/call/table.h"
#include "kernel/thread/scheduler.h"

namespace hati {

Result<u64> call_thread_create(Caller& caller, Handle space, UserInOut<ThreadRequest> user_request) {
  ThreadRequest request = TRY(user_request.read(caller));
  const auto process = TRY(caller.get_space(space, Rights::kManage));
  const auto thread = TRY(Thread::create(*process, request, &caller.thread));
  HandleValue value(Ref<Object>(*thread), Rights::kAll);  // dropped on failure: that ends the thread again
  TRY(user_request.write(caller, request));
  return TRY(caller.process.handles().insert(std::move(value)));
}

Result<> call_thread_start(Caller& caller, Handle thread) { return TRY(caller.get<Thread>(thread, Rights::kManage))->start(); }

Result<> call_thread_exit(Caller& caller, i32 exit_code) {
  caller.thread.exit_current(exit_code, ThreadEnd::kExited);
  return {};
}

Result<> call_thread_kill(Caller& caller, Handle thread, i32 exit_code) {
  TRY(caller.get<Thread>(thread, Rights::kManage))->kill(exit_code, ThreadEnd::kKilled);
  return {};
}

Result<> call_thread_interrupt(Caller& caller, Handle thread) { return TRY(caller.get<Thread>(thread, Rights::kManage))->interrupt(); }

Result<> call_thread_control(Caller& caller, Handle thread, ThreadProperty property, u64 value) {
  return TRY(caller.get<Thread>(thread, Rights::kManage))->control(property, static_cast<i64>(value), caller.thread.priority);
}

Result<> call_thread_info(Caller& caller, Handle thread, UserOut<ThreadInfo> out) {
  return out.write(caller, TRY(caller.get<Thread>(thread, Rights::kInspect))->info());
}

Result<> call_thread_read_state(Caller& caller, Handle thread, UserOut<ThreadState> out) {
  const auto target = TRY(caller.get<Thread>(thread, Rights::kManage));
  return out.write(caller, TRY(target->read_state()));
}

// The state may be in another processor: that is asked to write it, and the call is executed again.
Result<> call_thread_sync_state(Caller& caller, Handle handle) {
  const auto thread = TRY(caller.get<Thread>(handle, Rights::kManage));
  if (!thread->supervised()) return fail(Error::kNotSupported);
  if (thread->state() != Thread::kStopped) return fail(Error::kBusy);
  const i32 live = thread->fpu_cpu.load(std::memory_order_acquire);
  if (live == static_cast<i32>(caller.cpu.id)) {
    arch::fpu_save(*thread);
  } else if (live >= 0) {
    arch::send_ipi(static_cast<u32>(live), arch::Ipi::kFpuSync);
    return fail(kRestart);
  }
  return {};
}

Result<> call_thread_set_call_entry(Caller& caller, u64 address) {
  if (address != 0 && (address < caller.process.first_address() || address >= caller.process.end_address())) return fail(Error::kInvalidArgument);
  caller.thread.call_entry = address;
  return {};
}

Result<> call_thread_yield(Caller&) {
  yield_current();
  return {};
}

}  // namespace hati
