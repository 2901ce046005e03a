// SPDX-License-Identifier: MIT
#pragma once

#include "abi/call.h"
#include "base/result.h"
#include "base/types.h"

namespace hati::linux {

// Brings the pages of [address, address + bytes) of a space or Memory that a copy found kNotResident, and waits for them in the kernel: this
// worker does nothing else meanwhile. For the memory of programs, where a handler stands in the middle of its work; contents of files are waited
// for in coroutines (File::fetch). Nobody who brings pages waits for this server, so the wait ends. The pager's error; at once if nothing is
// missing.
Result<void> bring_pages(Handle target, u64 address, u64 bytes, bool write);

}  // namespace hati::linux
