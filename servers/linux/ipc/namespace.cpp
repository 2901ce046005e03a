// SPDX-License-Identifier: MIT
// The end of an IPC namespace takes everything in it along; nobody can wait in it any more, as each thread in it keeps it.
#include "servers/linux/ipc/namespace.h"

#include "servers/linux/ipc/msg.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/ipc/shm.h"

namespace hati::linux {

IpcNamespace::IpcNamespace(u64 inode) : inode(inode) {}
IpcNamespace::~IpcNamespace() = default;

void IpcNamespace::destroy(IpcNamespace* space) {
  {
    SpinGuard guard(IpcLocks::sem);
    for (const auto& [index, set] : space->semaphores.take_all()) fail_pending(*set);
  }
  delete space;
}

}  // namespace hati::linux
