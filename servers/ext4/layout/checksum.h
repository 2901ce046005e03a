// SPDX-License-Identifier: MIT
// crc32c and crc16 as ext4 uses them: the running value goes in and comes out, without inversion.
#pragma once

#include <span>

#include "base/types.h"

namespace hati::ext4 {

u32 crc32c(u32 value, std::span<const std::byte> bytes);
u16 crc16(u16 value, std::span<const std::byte> bytes);

template <class T>
u32 crc32c_of(u32 value, const T& object) {
  return crc32c(value, std::as_bytes(std::span(&object, 1)));
}

}  // namespace hati::ext4
