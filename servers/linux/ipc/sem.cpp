// SPDX-License-Identifier: MIT
// Semaphore operations: semget(2), semop(2), semtimedop(2), and undoing at the end of a process.
#include "servers/linux/ipc/sem.h"

#include <algorithm>

#include "servers/linux/core/namespaces.h"
#include "servers/linux/ipc/calls.h"
#include "servers/linux/process/process.h"
#include "servers/linux/time/time.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

namespace {

constexpr Errno kDone{};
bool alters(const std::vector<UserSemOperation>& operations) {
  return std::ranges::any_of(operations, [](const UserSemOperation& operation) { return operation.change != 0; });
}
bool undoes(const std::vector<UserSemOperation>& operations) {
  return std::ranges::any_of(operations, [](const UserSemOperation& operation) { return (operation.flags & kSemUndo) != 0; });
}

void finish(PendingOperation& operation, Errno result) {
  operation.result = result;
  operation.done = true;
  operation.woken.wake_all();
}

}  // namespace

const Ref<SemaphoreUndo>& SemaphoreUndo::of(Thread& thread) {
  if (!thread.semaphore_undo) thread.semaphore_undo = Ref<SemaphoreUndo>::adopt(std::make_unique<SemaphoreUndo>().release());
  return thread.semaphore_undo;
}

std::vector<i32>& SemaphoreUndo::adjustments(const Ref<SemaphoreSet>& set) {
  if (std::vector<i32>* known = adjustments_if_any(*set)) return *known;
  entries_.push_back({set, std::vector<i32>(set->semaphores.size())});
  set->undoers.push_back(this);
  return entries_.back().adjust;
}

std::vector<i32>* SemaphoreUndo::adjustments_if_any(const SemaphoreSet& set) {
  for (Entry& entry : entries_)
    if (entry.set.get() == &set) return &entry.adjust;
  return nullptr;
}

void SemaphoreUndo::forget(const SemaphoreSet& set) {
  entries_.remove_if([&](const Entry& entry) { return entry.set.get() == &set; });
}

void SemaphoreUndo::undo_all() {
  std::list<Entry> entries;
  {
    SpinGuard guard(IpcLocks::sem);
    entries.swap(entries_);
    for (Entry& entry : entries) {
      SemaphoreSet& set = *entry.set;
      set.undoers.remove(this);
      if (set.removed) continue;
      for (usize i = 0; i < entry.adjust.size(); ++i) {
        if (entry.adjust[i] == 0) continue;
        // Linux keeps the value within its range instead of waiting (semop(2), "BUGS").
        set.semaphores[i].value = std::clamp(set.semaphores[i].value + entry.adjust[i], 0, kSemValueMax);
      }
      set.operation_time = wall_time_now().seconds;
      run_pending(set);
    }
  }
}

void SemaphoreUndo::destroy(SemaphoreUndo* undo) {
  undo->undo_all();
  delete undo;
}

Errno try_operations(SemaphoreSet& set, PendingOperation& operation) {
  std::vector<i32>* adjust = nullptr;
  if (operation.undo) adjust = operation.undo->adjustments_if_any(set);
  std::vector<i32> values, adjusted;
  for (usize i = 0; i < operation.operations.size(); ++i) {
    const UserSemOperation& one = operation.operations[i];
    SemaphoreSet::Semaphore& semaphore = set.semaphores[one.number];
    const auto roll_back = [&](Errno error) {
      while (!values.empty()) {
        const UserSemOperation& back = operation.operations[values.size() - 1];
        set.semaphores[back.number].value = values.back();
        if ((back.flags & kSemUndo) != 0 && adjust != nullptr) (*adjust)[back.number] += back.change;
        values.pop_back();
      }
      return error;
    };
    const i32 result = semaphore.value + one.change;
    if ((one.change == 0 && semaphore.value != 0) || result < 0) {
      operation.blocked_at = i;
      return roll_back(Errno::kAGAIN);
    }
    if (result > kSemValueMax) return roll_back(Errno::kRANGE);
    if ((one.flags & kSemUndo) != 0 && adjust != nullptr) {
      const i32 undo = (*adjust)[one.number] - one.change;
      if (undo < -kSemValueMax - 1 || undo > kSemValueMax) return roll_back(Errno::kRANGE);
      (*adjust)[one.number] = undo;
    }
    values.push_back(semaphore.value);
    semaphore.value = result;
  }
  for (const UserSemOperation& one : operation.operations) set.semaphores[one.number].last = operation.pid;
  set.operation_time = wall_time_now().seconds;
  return kDone;
}

void run_pending(SemaphoreSet& set) {
  for (bool again = true; again;) {
    again = false;
    for (auto at = set.pending.begin(); at != set.pending.end();) {
      PendingOperation& operation = **at;
      const Errno result = try_operations(set, operation);
      if (result == Errno::kAGAIN) {
        ++at;
        continue;
      }
      at = set.pending.erase(at);
      again = again || (result == kDone && alters(operation.operations));
      finish(operation, result);
      if (again) break;
    }
  }
}

void fail_pending(SemaphoreSet& set) {
  for (PendingOperation* operation : std::exchange(set.pending, {})) finish(*operation, Errno::kIDRM);
  for (SemaphoreUndo* undo : std::exchange(set.undoers, {})) undo->forget(set);
}

SysResult<i64> sys_semget(Thread& thread, i32 key, i32 count, u32 flags) {
  if (count < 0 || count > kSemPerSet) return fail(Errno::kINVAL);
  IpcNamespace& space = ipc_of(thread);
  auto fresh = Ref<SemaphoreSet>::adopt(std::make_unique<SemaphoreSet>().release());
  fresh->semaphores.resize(static_cast<usize>(count));
  fresh->change_time = wall_time_now().seconds;
  own_ipc_object(thread, *fresh, key, flags);
  SpinGuard guard(IpcLocks::sem);
  const auto suits = [count](const SemaphoreSet& known) { return static_cast<usize>(count) <= known.semaphores.size(); };
  if (const Ref<SemaphoreSet> found = TRY(find_for_get(thread, space.semaphores, key, flags, suits))) return i64{found->id};
  if (count == 0) return fail(Errno::kINVAL);
  if (space.semaphore_count + static_cast<u64>(count) > kSemTotal) return fail(Errno::kNOSPC);
  TRY(space.semaphores.add(fresh, kSemSets));
  space.semaphore_count += static_cast<u64>(count);
  return i64{fresh->id};
}

namespace {

struct Request {
  i32 id;
  std::vector<UserSemOperation> operations;
  u64 deadline = kNever;
};

SysResult<Ref<SemaphoreSet>> find_set(Thread& thread, const Request& request) HATI_REQUIRES(IpcLocks::sem) {
  const Ref<SemaphoreSet> set = TRY(ipc_of(thread).semaphores.find(request.id));
  for (const UserSemOperation& one : request.operations)
    if (one.number >= set->semaphores.size()) return fail(Errno::kFBIG);
  TRY(check_ipc_permission(thread, *set, alters(request.operations) ? 0222 : 0444));
  return set;
}

// Undone what a waiter left behind, however its wait ends.
struct PendingEntry {
  Ref<SemaphoreSet> set;
  PendingOperation operation;
  bool listed = false;
  ~PendingEntry() {
    SpinGuard guard(IpcLocks::sem);
    if (listed && !operation.done) set->pending.remove(&operation);
  }
};

SysResult<bool> begin(Thread& thread, const Request& request, PendingEntry& entry) {
  PendingOperation& operation = entry.operation;
  operation.operations = request.operations;
  operation.pid = thread.process().pid;
  if (undoes(operation.operations)) operation.undo = SemaphoreUndo::of(thread);
  SpinGuard guard(IpcLocks::sem);
  entry.set = TRY(find_set(thread, request));
  if (operation.undo) (void)operation.undo->adjustments(entry.set);
  const Errno result = try_operations(*entry.set, operation);
  if (result == kDone) {
    if (alters(operation.operations)) run_pending(*entry.set);
    return true;
  }
  if (result != Errno::kAGAIN) return fail(result);
  if ((static_cast<u16>(operation.operations[operation.blocked_at].flags) & kIpcNoWait) != 0) return fail(Errno::kAGAIN);
  entry.set->pending.push_back(&operation);
  entry.listed = true;
  return false;
}

Task<SysResult<i64>> operate(Thread& thread, Request request) {
  PendingEntry entry;
  Waiter waiter(thread);
  waiter.add(entry.operation.woken);
  if (CO_TRY(begin(thread, request, entry))) co_return 0;
  SysResult<> woken;
  for (;;) {
    {
      SpinGuard guard(IpcLocks::sem);
      if (entry.operation.done) {
        if (entry.operation.result == kDone) co_return 0;
        co_return fail(entry.operation.result);
      }
      if (!woken) {
        entry.set->pending.remove(&entry.operation);
        entry.listed = false;
        // Not restarted, whatever SA_RESTART says (signal(7)).
        co_return fail(woken.error() == Errno::kTIMEDOUT ? Errno::kAGAIN : Errno::kINTR);
      }
    }
    woken = co_await waiter.wait(request.deadline);
  }
}

SysResult<Request> read_request(Thread& thread, i32 id, UserAddress operations, u32 count) {
  if (count < 1 || id < 0) return fail(Errno::kINVAL);
  if (count > static_cast<u32>(kSemOperations)) return fail(Errno::kTOOBIG);
  Request request{.id = id,
                  .operations = TRY(thread.memory().get_array(UserPtr<const UserSemOperation>{operations.address}, count, kSemOperations))};
  return request;
}

}  // namespace

Task<SysResult<i64>> sys_semop(Thread& thread, i32 id, UserAddress operations, u32 count) {
  Request request = CO_TRY(read_request(thread, id, operations, count));
  co_return co_await operate(thread, std::move(request));
}

Task<SysResult<i64>> sys_semtimedop(Thread& thread, i32 id, UserAddress operations, u32 count, UserPtr<const KernelTimespec> timeout) {
  const u64 deadline = CO_TRY(read_timeout(thread.memory(), timeout));
  Request request = CO_TRY(read_request(thread, id, operations, count));
  request.deadline = deadline;
  co_return co_await operate(thread, std::move(request));
}

}  // namespace hati::linux
