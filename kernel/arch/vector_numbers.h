// SPDX-License-Identifier: MIT
// What the interrupt vectors of a processor are for.
#pragma once

#include "base/types.h"

namespace hati::arch {

inline constexpr u32 kVectorDeviceFirst = 48, kVectorDeviceLast = 239;
inline constexpr u32 kVectorTimer = 240;
inline constexpr u32 kVectorIpiFirst = 241;
inline constexpr u32 kVectorSpurious = 255;

}  // namespace hati::arch
