// SPDX-License-Identifier: MIT
#include "servers/linux/process/namespaces.h"

#include "servers/linux/core/namespaces.h"
#include "servers/linux/core/thread.h"
#include "servers/linux/ipc/sem.h"

namespace hati::linux {

SysResult<> enter_new_namespaces(Thread& thread, u64 flags) {
  if ((flags & (kCloneNewUts | kCloneNewIpc)) != 0) thread.set_namespaces(thread.get_namespaces()->with_new(flags));
  return {};
}

Ref<SemaphoreUndo> shared_semaphore_undo(Thread& thread) {
  if (!thread.semaphore_undo) thread.semaphore_undo = Ref<SemaphoreUndo>::adopt(std::make_unique<SemaphoreUndo>().release());
  return thread.semaphore_undo;
}

}  // namespace hati::linux
