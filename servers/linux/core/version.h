// SPDX-License-Identifier: MIT
// What uname(2) and /proc/version tell. The release begins with the version of Linux whose interface is followed.
#pragma once

namespace hati::linux {

inline constexpr char kSystemName[] = "Linux";
inline constexpr char kRelease[] = "6.1.0-hati";
inline constexpr char kVersion[] = "#1 SMP PREEMPT_DYNAMIC Hati";
inline constexpr char kMachine[] = "x86_64";

}  // namespace hati::linux
