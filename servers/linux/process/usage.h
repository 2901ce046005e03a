// SPDX-License-Identifier: MIT
// Conversion of usage sums to Linux's structure.
#pragma once

#include "abi/linux/process.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

KernelRusage to_rusage(const Usage& usage);

}  // namespace hati::linux
