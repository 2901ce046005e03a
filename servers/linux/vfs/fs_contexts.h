// SPDX-License-Identifier: MIT
// All FsContexts, for pivot_root(2), which moves everybody's root and working directory from the old root to the new one.
#pragma once

#include "servers/linux/vfs/path.h"

namespace hati::linux {

void replace_roots(const Path& from, const Path& to);

}  // namespace hati::linux
