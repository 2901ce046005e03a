// SPDX-License-Identifier: MIT
// Moving threads between namespaces: what clone(2), unshare(2) and setns(2) share.
#pragma once

#include "abi/linux/process.h"
#include "base/ref.h"
#include "servers/linux/core/errno.h"

namespace hati::linux {

class SemaphoreUndo;
class Thread;

// Kinds of namespaces that can be made; the rest is EINVAL, as on a kernel built without them.
inline constexpr u64 kNamespacesKnown = kCloneNewUts | kCloneNewIpc;

// New namespaces of the kinds in `flags` for a thread that nobody else changes (itself, or not published yet). Its FsContext is its own.
SysResult<> enter_new_namespaces(Thread& thread, u64 flags);
// CLONE_SYSVSEM: what the child shares.
Ref<SemaphoreUndo> shared_semaphore_undo(Thread& thread);

}  // namespace hati::linux
