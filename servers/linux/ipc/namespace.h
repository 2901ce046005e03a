// SPDX-License-Identifier: MIT
// An IPC namespace (ipc_namespaces(7)): the tables of System V objects. Each kind has one lock for all namespaces, which guards the tables and
// the state of the objects in them; none is taken with another of them held.
#pragma once

#include <string>

#include "base/annotations.h"
#include "runtime/spinlock.h"
#include "servers/linux/ipc/table.h"

namespace hati::linux {

struct MessageQueue;
struct SemaphoreSet;
struct SharedSegment;

struct IpcLocks {
  static inline constinit SpinLock shm;
  static inline constinit SpinLock sem;
  static inline constinit SpinLock msg;
};

class IpcNamespace : public RefCounted<IpcNamespace> {
 public:
  explicit IpcNamespace(u64 inode);
  ~IpcNamespace();
  static void destroy(IpcNamespace* space);  // with everything in it
  const u64 inode;  // /proc/PID/ns/ipc

  IpcTable<SharedSegment> segments HATI_GUARDED_BY(IpcLocks::shm);
  u64 segment_pages HATI_GUARDED_BY(IpcLocks::shm) = 0;
  IpcTable<SemaphoreSet> semaphores HATI_GUARDED_BY(IpcLocks::sem);
  u64 semaphore_count HATI_GUARDED_BY(IpcLocks::sem) = 0;
  IpcTable<MessageQueue> queues HATI_GUARDED_BY(IpcLocks::msg);
};

// Limits, as Linux sets them; /proc/sys/kernel shows them.
inline constexpr u64 kShmMax = ~u64{0} - (1 << 24), kShmPages = ~u64{0} - (1 << 24), kShmSegments = 4096;
inline constexpr i32 kSemPerSet = 32000, kSemTotal = 1024000000, kSemOperations = 500, kSemSets = 32000, kSemValueMax = 32767;
inline constexpr i32 kMsgMax = 8192, kMsgQueueBytes = 16384, kMsgQueues = 32000;

// For /proc/sysvipc.
std::string shm_table_text(Thread* reader);
std::string sem_table_text(Thread* reader);
std::string msg_table_text(Thread* reader);

}  // namespace hati::linux
