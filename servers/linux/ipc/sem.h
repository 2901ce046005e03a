// SPDX-License-Identifier: MIT
// System V semaphores (semop(2)): sets, operations that wait, and what is undone when a process ends. Everything is guarded by IpcLocks::sem.
#pragma once

#include <list>
#include <vector>

#include "abi/linux/ipc.h"
#include "servers/linux/ipc/namespace.h"

namespace hati::linux {

class SemaphoreUndo;

// One semop(2) that waits; lives in its coroutine's frame.
struct PendingOperation {
  std::vector<UserSemOperation> operations;
  Ref<SemaphoreUndo> undo;
  Pid pid = 0;
  usize blocked_at = 0;  // the operation that cannot proceed
  bool done = false;
  Errno result{};  // valid if done; 0 is success
  WaitQueue woken;
};

struct SemaphoreSet : RefCounted<SemaphoreSet>, IpcObject {
  static void destroy(SemaphoreSet* set) { delete set; }
  struct Semaphore {
    i32 value = 0;
    Pid last = 0;
  };
  std::vector<Semaphore> semaphores;
  i64 operation_time = 0, change_time = 0;
  std::list<PendingOperation*> pending;
  std::list<SemaphoreUndo*> undoers;  // that hold adjustments for this set
};

// sem_undo of threads that share it (CLONE_SYSVSEM). Its end undoes.
class SemaphoreUndo : public RefCounted<SemaphoreUndo> {
 public:
  static void destroy(SemaphoreUndo* undo);
  static const Ref<SemaphoreUndo>& of(Thread& thread);  // made on first use; by the thread itself
  std::vector<i32>& adjustments(const Ref<SemaphoreSet>& set) HATI_REQUIRES(IpcLocks::sem);
  std::vector<i32>* adjustments_if_any(const SemaphoreSet& set) HATI_REQUIRES(IpcLocks::sem);
  // The set goes.
  void forget(const SemaphoreSet& set) HATI_REQUIRES(IpcLocks::sem);

 private:
  void undo_all() HATI_EXCLUDES(IpcLocks::sem);
  struct Entry {
    Ref<SemaphoreSet> set;
    std::vector<i32> adjust;
  };
  std::list<Entry> entries_ HATI_GUARDED_BY(IpcLocks::sem);
};

// Carries out what has become possible after a change.
void run_pending(SemaphoreSet& set) HATI_REQUIRES(IpcLocks::sem);
// Ends everybody's wait with kIDRM.
void fail_pending(SemaphoreSet& set) HATI_REQUIRES(IpcLocks::sem);
// Tries the operations as one step: success, kAGAIN (then `blocked_at` is set), kRANGE.
Errno try_operations(SemaphoreSet& set, PendingOperation& operation) HATI_REQUIRES(IpcLocks::sem);

}  // namespace hati::linux
