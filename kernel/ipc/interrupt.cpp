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
// Between the look-up of a vector's object and the reference to it, the line must not be given back.
constinit Spinlock routes_lock;

}  // namespace

Result<Ref<Interrupt>> Interrupt::create(u32 gsi, InterruptFlags flags) {
  if (static_cast<u32>(flags) > static_cast<u32>(InterruptFlags::kEdgeLow)) return fail(Error::kInvalidArgument);
  Ref<Interrupt> interrupt = TRY(interrupt_cache.make(gsi));
  {
    Guard guard(routes_lock);
    TRY(arch::interrupt_route(gsi, flags, *interrupt));
  }
  arch::interrupt_unmask(gsi);
  return interrupt;
}

void Interrupt::release_storage() { interrupt_cache.destroy(this); }

void Interrupt::on_last_handle() {
  {
    Guard guard(lock_);
    if (std::exchange(released_, true)) return;
  }
  Guard guard(routes_lock);
  arch::interrupt_release(gsi_);
}

bool Interrupt::dispatch(u32 vector) {
  Ref<Interrupt> interrupt;
  {
    Guard guard(routes_lock);
    if (Interrupt* target = arch::interrupt_target(vector)) interrupt = Ref<Interrupt>(*target);
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
  if (!released_) arch::interrupt_unmask(gsi_);
}

Result<> start_interrupt_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Interrupt> interrupt = TRY(thread.process().handles().get<Interrupt>(submission.handle, Rights::kWait));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return interrupt->wait(*operation);
}

}  // namespace hati
