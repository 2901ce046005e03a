// SPDX-License-Identifier: MIT
// The error of a call that has done a bounded part of its work and must be executed again (docs/contracts.md, "Restarted
// calls"). It never leaves the kernel: the dispatcher sets the instruction pointer back instead of returning it.
#pragma once

#include "base/error.h"

namespace hati {

inline constexpr Error kRestart = static_cast<Error>(0x5245);

}  // namespace hati
