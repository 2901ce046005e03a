// SPDX-License-Identifier: MIT
// Names that every room of the Linux server uses: identifiers of processes and threads.
#pragma once

#include "base/types.h"

namespace hati::linux {

using Tid = i32;
using Pid = i32;
inline constexpr Pid kPidMax = 32768;  // ids are below this (/proc/sys/kernel/pid_max)

}  // namespace hati::linux
