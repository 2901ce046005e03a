// SPDX-License-Identifier: MIT
// Moving threads between namespaces: what clone(2), unshare(2) and setns(2) share.
#pragma once

#include "abi/linux/process.h"
#include "base/types.h"

namespace hati::linux {

class Thread;

// Kinds of namespaces that can be made; the rest is EINVAL, as on a kernel built without them.
inline constexpr u64 kNamespacesKnown = kCloneNewUts | kCloneNewIpc;

// New namespaces of the kinds in `flags` for a thread that nobody else changes (itself, or not published yet).
void enter_new_namespaces(Thread& thread, u64 flags);

}  // namespace hati::linux
