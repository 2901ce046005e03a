// SPDX-License-Identifier: MIT
// procfs (proc(5)): the state of the system and of each process as text. Nothing is stored: directories are computed from the process table,
// files are written when they are read. Formats are those of Linux 6.1. Options: hidepid=0 only.
#pragma once

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

SysResult<Ref<FileSystem>> mount_procfs(std::string_view options);

}  // namespace hati::linux
