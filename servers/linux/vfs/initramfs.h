// SPDX-License-Identifier: MIT
// Unpacks the initial ram disk into the root file system (ramfs-rootfs-initramfs.rst): cpio archives, one after the other; members below ".hati/" belong to
// the native system and are left out.
#pragma once

#include <span>

#include "servers/linux/fs/tmpfs/tmpfs.h"

namespace hati::linux {

struct UnpackCounts {
  u32 files = 0, directories = 0, others = 0;
  u64 bytes = 0;
};

// Stops at the first malformed member (kINVAL) or when memory is used up.
SysResult<UnpackCounts> unpack_initramfs(TmpfsInode& root, std::span<const u8> archive);

}  // namespace hati::linux
