// SPDX-License-Identifier: MIT
// The end of the system: reboot(2) and the death of init, both through init's system protocol.
#pragma once

#include "servers/linux/core/world.h"
#include "abi/call.h"
#include "runtime/task.h"

namespace hati::linux {

// Flushes file systems, then asks for the action. Returns only if it was refused.
Task<> power(World& world, PowerAction action, u32 code);
// PID 1 ended with this wait status: the kernel's panic.
Task<> panic_without_init(World& world, i32 status);

}  // namespace hati::linux
