// SPDX-License-Identifier: MIT
// semctl(2).
#include <cstdio>

#include "servers/linux/core/namespaces.h"
#include "servers/linux/ipc/calls.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {

namespace {

SysResult<i64> sem_limits(Thread& thread, i32 command, UserAddress to) {
  UserSemLimits limits{.map = kSemTotal,
                       .sets = kSemSets,
                       .semaphores = kSemTotal,
                       .undo_structures = kSemTotal,
                       .per_set = kSemPerSet,
                       .operations = kSemOperations,
                       .undo_entries = kSemOperations,
                       .usage = 20,
                       .value_max = kSemValueMax,
                       .adjust_max = kSemValueMax};
  i32 highest = 0;
  {
    SpinGuard guard(IpcLocks::sem);
    const IpcNamespace& space = ipc_of(thread);
    highest = space.semaphores.highest();
    if (command == kSemInfo) {
      limits.usage = static_cast<i32>(space.semaphores.size());
      limits.adjust_max = static_cast<i32>(space.semaphore_count);
    }
  }
  TRY(thread.memory().put(to.as<UserSemLimits>(), limits));
  return i64{highest};
}

SysResult<i64> sem_status(Thread& thread, i32 id, i32 command, UserAddress to) {
  UserSemStatus status{};
  i64 result = 0;
  {
    SpinGuard guard(IpcLocks::sem);
    IpcNamespace& space = ipc_of(thread);
    const bool by_index = command != kIpcStat;
    const Ref<SemaphoreSet> set = TRY(by_index ? space.semaphores.at_index(id) : space.semaphores.find(id));
    if (command != kSemStatAny) TRY(check_ipc_permission(thread, *set, 0444));
    status.permissions = permissions_of(*set);
    status.operation_time = set->operation_time;
    status.change_time = set->change_time;
    status.count = set->semaphores.size();
    if (by_index) result = set->id;
  }
  TRY(thread.memory().put(to.as<UserSemStatus>(), status));
  return result;
}

SysResult<i64> sem_change(Thread& thread, i32 id, i32 command, UserAddress from) {
  UserSemStatus given{};
  if (command == kIpcSet) given = TRY(thread.memory().get(from.as<UserSemStatus>()));
  SpinGuard guard(IpcLocks::sem);
  IpcNamespace& space = ipc_of(thread);
  const Ref<SemaphoreSet> set = TRY(space.semaphores.find(id));
  TRY(check_ipc_owner(thread, *set));
  if (command == kIpcSet) {
    set_ipc_permissions(*set, given.permissions);
    set->change_time = wall_time_now().seconds;
    return 0;
  }
  space.semaphore_count -= set->semaphores.size();
  space.semaphores.remove(*set);
  fail_pending(*set);
  return 0;
}

i64 waiting_for(const SemaphoreSet& set, i32 number, bool zero) HATI_REQUIRES(IpcLocks::sem) {
  i64 count = 0;
  for (const PendingOperation* operation : set.pending) {
    const UserSemOperation& blocked = operation->operations[operation->blocked_at];
    if (blocked.number == number && (blocked.change == 0) == zero) ++count;
  }
  return count;
}

SysResult<i64> sem_value(Thread& thread, i32 id, i32 number, i32 command) {
  SpinGuard guard(IpcLocks::sem);
  const Ref<SemaphoreSet> set = TRY(ipc_of(thread).semaphores.find(id));
  if (number < 0 || static_cast<usize>(number) >= set->semaphores.size()) return fail(Errno::kINVAL);
  TRY(check_ipc_permission(thread, *set, 0444));
  const SemaphoreSet::Semaphore& semaphore = set->semaphores[static_cast<usize>(number)];
  switch (command) {
    case kSemGetValue: return i64{semaphore.value};
    case kSemGetPid: return i64{semaphore.last};
    default: return waiting_for(*set, number, command == kSemGetZero);
  }
}

SysResult<i64> get_all(Thread& thread, i32 id, UserAddress to) {
  std::vector<u16> values;
  {
    SpinGuard guard(IpcLocks::sem);
    const Ref<SemaphoreSet> set = TRY(ipc_of(thread).semaphores.find(id));
    TRY(check_ipc_permission(thread, *set, 0444));
    for (const SemaphoreSet::Semaphore& semaphore : set->semaphores) values.push_back(static_cast<u16>(semaphore.value));
  }
  TRY(thread.memory().write(to.address, values.data(), values.size() * sizeof(u16)));
  return 0;
}

// SETVAL and SETALL: what others would undo on these is forgotten.
void assign(SemaphoreSet& set, usize first, const std::vector<u16>& values, Pid pid) HATI_REQUIRES(IpcLocks::sem) {
  for (usize i = 0; i < values.size(); ++i) {
    set.semaphores[first + i] = {.value = values[i], .last = pid};
    for (SemaphoreUndo* undo : set.undoers)
      if (std::vector<i32>* adjust = undo->adjustments_if_any(set)) (*adjust)[first + i] = 0;
  }
  set.change_time = wall_time_now().seconds;
  run_pending(set);
}

SysResult<i64> set_value(Thread& thread, i32 id, i32 number, i32 value) {
  if (value < 0 || value > kSemValueMax) return fail(Errno::kRANGE);
  SpinGuard guard(IpcLocks::sem);
  const Ref<SemaphoreSet> set = TRY(ipc_of(thread).semaphores.find(id));
  if (number < 0 || static_cast<usize>(number) >= set->semaphores.size()) return fail(Errno::kINVAL);
  TRY(check_ipc_permission(thread, *set, 0222));
  assign(*set, static_cast<usize>(number), {static_cast<u16>(value)}, thread.process().pid);
  return 0;
}

SysResult<i64> set_all(Thread& thread, i32 id, UserAddress from) {
  usize count = 0;
  {
    SpinGuard guard(IpcLocks::sem);
    const Ref<SemaphoreSet> set = TRY(ipc_of(thread).semaphores.find(id));
    TRY(check_ipc_permission(thread, *set, 0222));
    count = set->semaphores.size();
  }
  const std::vector<u16> values = TRY(thread.memory().get_array(UserPtr<const u16>{from.address}, count, kSemPerSet));
  for (const u16 value : values)
    if (value > kSemValueMax) return fail(Errno::kRANGE);
  SpinGuard guard(IpcLocks::sem);
  const SysResult<Ref<SemaphoreSet>> set = ipc_of(thread).semaphores.find(id);
  if (!set || (*set)->semaphores.size() != count) return fail(Errno::kIDRM);
  assign(**set, 0, values, thread.process().pid);
  return 0;
}

}  // namespace

SysResult<i64> sys_semctl(Thread& thread, i32 id, i32 number, i32 command, u64 argument) {
  if (id < 0) return fail(Errno::kINVAL);
  const UserAddress buffer{argument};
  switch (command) {
    case kIpcInfo:
    case kSemInfo: return sem_limits(thread, command, buffer);
    case kIpcStat:
    case kSemStat:
    case kSemStatAny: return sem_status(thread, id, command, buffer);
    case kIpcSet:
    case kIpcRemove: return sem_change(thread, id, command, buffer);
    case kSemGetAll: return get_all(thread, id, buffer);
    case kSemGetValue:
    case kSemGetPid:
    case kSemGetNotZero:
    case kSemGetZero: return sem_value(thread, id, number, command);
    case kSemSetValue: return set_value(thread, id, number, static_cast<i32>(argument));
    case kSemSetAll: return set_all(thread, id, buffer);
    default: return fail(Errno::kINVAL);
  }
}

std::string sem_table_text(Thread* reader) {
  std::string text = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
  const IpcNamespace& space = reader != nullptr ? ipc_of(*reader) : *Namespaces::initial()->ipc;
  SpinGuard guard(IpcLocks::sem);
  for (const auto& [index, s] : space.semaphores.all()) {
    char line[160];
    std::snprintf(line, sizeof line, "%10d %10d  %4o %10zu %5u %5u %5u %5u %10lld %10lld\n", s->key, s->id, s->mode, s->semaphores.size(),
                  s->uid, s->gid, s->creator_uid, s->creator_gid, static_cast<long long>(s->operation_time),
                  static_cast<long long>(s->change_time));
    text += line;
  }
  return text;
}

}  // namespace hati::linux
