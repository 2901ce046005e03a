// SPDX-License-Identifier: MIT
// The vDSO in programs: its image and the [vvar] pages are Memory objects made once and mapped read-only into every program by exec.
#pragma once

#include "servers/linux/core/errno.h"
#include "servers/linux/memory/mm.h"

namespace hati::linux {

// The image's Memory; once, before the first program, after create_vvar() (time/vvar.h).
Result<void> create_vdso();
// Maps [vvar] and [vdso] at a random place above the stack (Mm::layout.stack_start, if exec has made it), else where the kernel finds one. The
// value for AT_SYSINFO_EHDR, also stored in Mm::layout.vdso; 0 if this system has none (no clock page): leave the entry out then.
SysResult<u64> map_vdso(Mm& mm);

}  // namespace hati::linux
