// SPDX-License-Identifier: MIT
// sysfs, as far as shells and C libraries look: processors, the console, empty directories where tools expect some. One instance.
#pragma once

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

Ref<FileSystem> sysfs();

}  // namespace hati::linux
