// SPDX-License-Identifier: MIT
// devpts: a directory with one node for each pseudo-terminal whose master is open, and `ptmx`. All mounts show the one table of pairs (tty/pty.h).
#pragma once

#include <map>

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

// mount(2) options: uid=, gid=, mode=, ptmxmode=; newinstance is accepted, as Linux ignores it. kINVAL for others.
SysResult<Ref<FileSystem>> mount_devpts(std::string_view options);

}  // namespace hati::linux
