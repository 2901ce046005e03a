// SPDX-License-Identifier: MIT
// The hashes of file names that order hash trees.
#pragma once

#include <string_view>

#include "base/types.h"

namespace hati::ext4 {

struct NameHash {
  u32 major;  // the lowest bit is 0
  u32 minor;
  bool operator==(const NameHash&) const = default;
};

// 0..5: legacy, half MD4, TEA; with unsigned characters from 3 on.
inline constexpr u32 kHashVersions = 6;
// `seed`: the superblock's; all zero: MD4's initial value.
NameHash hash_name(std::string_view name, u32 version, const u32 (&seed)[4]);

}  // namespace hati::ext4
