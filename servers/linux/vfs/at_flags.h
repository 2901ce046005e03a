// SPDX-License-Identifier: MIT
// AT_* flags of the *at(2) calls.
#pragma once

#include "servers/linux/vfs/path.h"

namespace hati::linux {

enum AtFlags : u32 {
  kAtSymlinkNoFollow = 0x100,
  kAtEAccess = 0x200,
  kAtRemoveDir = 0x200,
  kAtSymlinkFollow = 0x400,
  kAtNoAutomount = 0x800,
  kAtEmptyPath = 0x1000
};

// For calls that follow links unless told otherwise.
constexpr u32 walk_flags_of(u32 at_flags) {
  return ((at_flags & kAtSymlinkNoFollow) != 0 ? 0u : u32{kWalkFollow}) | ((at_flags & kAtEmptyPath) != 0 ? u32{kWalkEmpty} : 0u);
}

}  // namespace hati::linux
