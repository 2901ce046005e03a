// SPDX-License-Identifier: MIT
// What uname(2) and /proc/version tell: the Linux version whose interface this server follows.
#pragma once

namespace hati::linux {

inline constexpr char kKernelRelease[] = "6.1.0-hati";
inline constexpr char kKernelVersion[] = "#1 SMP PREEMPT_DYNAMIC Hati";

}  // namespace hati::linux
