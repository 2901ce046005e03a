// SPDX-License-Identifier: MIT
// The [vvar] pages that the vDSO reads: the kernel's ClockPage, and a page of this server (vdso/page.h).
#pragma once

#include "base/types.h"
#include "runtime/handle.h"
#include "servers/linux/vdso/page.h"

namespace hati::linux {

// Makes the page; before the first program.
Result<void> create_vvar(Handle clock_memory);
// kNoHandle if there is no clock page: programs then get no vDSO.
Handle vvar_clock();
Handle vvar_wall();
void publish_wall_offset(i64 offset_ns);

}  // namespace hati::linux
