// SPDX-License-Identifier: MIT
#include "kernel/ipc/interrupt.h"

#include <utility>

#include "kernel/arch/arch.h"
#include "kernel/ipc/operations.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"

namespace hati {

namespace {

constinit ObjectCache<Interrupt> interrupt_cache;
// Between the look-up of a vector's object and the reference to it, the vector must not be given back. One for each processor.
constinit PerCpu<Spinlock> routes_locks;

}  // namespace

Result<Ref<Interrupt>> Interrupt::create(u32 gsi, InterruptFlags flags) {
  if (static_cast<u32>(flags) > static_cast<u32>(InterruptFlags::kEdgeLow)) return fail(Error::kInvalidArgument);
  Ref<Interrupt> interrupt = TRY(interrupt_cache.make(Source{.message = false, .gsi = gsi, .cpu = arch::kLineCpu, .vector = 0}));
  {
    Guard guard(routes_locks.at(arch::kLineCpu));
    TRY(arch::interrupt_route(gsi, flags, *interrupt));
  }
  arch::interrupt_unmask(gsi);
  return interrupt;
}

Result<Ref<Interrupt>> Interrupt::create_message(MessageInterrupt& request) {
  Ref<Interrupt> interrupt = TRY(interrupt_cache.make(Source{.message = true, .gsi = 0, .cpu = 0, .vector = 0}));
  // A message that an earlier owner's device still sends to this vector may be counted from here on: drivers expect too many, never too few.
  const arch::MessageRoute route = TRY(arch::message_route(request.cpu, *interrupt));
  interrupt->source_.cpu = route.cpu;
  interrupt->source_.vector = route.vector;
  request = {.cpu = route.cpu, .data = route.data, .address = route.address};
  return interrupt;
}

void Interrupt::release_storage() { interrupt_cache.destroy(this); }

void Interrupt::on_last_handle() {
  {
    Guard guard(lock_);
    if (std::exchange(released_, true)) return;
  }
  Guard guard(routes_locks.at(source_.cpu));
  if (source_.message) {
    arch::message_release(source_.cpu, source_.vector);
  } else {
    arch::interrupt_release(source_.gsi);
  }
}

bool Interrupt::dispatch(u32 cpu, u32 vector) {
  Ref<Interrupt> interrupt;
  {
    Guard guard(routes_locks.at(cpu));
    if (Interrupt* target = arch::interrupt_target(cpu, vector)) interrupt = Ref<Interrupt>(*target);
  }
  if (!interrupt) return false;
  interrupt->fire();
  return true;
}

void Interrupt::fire() {
  PendingOperation* waiter = nullptr;
  u64 total = 0;
  {
    Guard guard(lock_);
    ++count_;
    waiter = claim_first(waiters_);
    if (waiter != nullptr) total = std::exchange(count_, 0);
  }
  if (waiter != nullptr) waiter->finish(static_cast<i64>(total));
}

Result<> Interrupt::wait(PendingOperation& operation) {
  u64 total = 0;
  {
    Guard guard(lock_);
    if (count_ == 0) {
      operation.target = Ref<Object>(*this);
      operation.target_lock = &lock_;
      TRY(operation.track());
      waiters_.push_back(operation);
      return {};
    }
    total = std::exchange(count_, 0);
  }
  operation.finish_untracked(static_cast<i64>(total));
  return {};
}

void Interrupt::acknowledge() {
  Guard guard(lock_);
  if (!released_ && !source_.message) arch::interrupt_unmask(source_.gsi);
}

Result<> start_interrupt_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Interrupt> interrupt = TRY(thread.process().handles().get<Interrupt>(submission.handle, Rights::kWait));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return interrupt->wait(*operation);
}

}  // namespace hati
