// SPDX-License-Identifier: MIT
// devtmpfs: the one instance of /dev, a tmpfs filled with the nodes of the devices that exist.
#pragma once

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

// Made on first use.
Ref<FileSystem> devtmpfs();
// null, zero, full, random, urandom, kmsg (memory(4), random(4)): enters them in the device table.
void register_memory_devices();
// /dev/tty, console, ptmx, ttyS0 are the terminals' (tty/): declared there.

}  // namespace hati::linux
