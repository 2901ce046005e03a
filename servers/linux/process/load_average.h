// SPDX-License-Identifier: MIT
// Load averages (proc(5), /proc/loadavg): every five seconds the number of runnable threads goes into three moving averages.
#pragma once

#include "servers/linux/core/world.h"

namespace hati::linux {

void start_load_average(World& world);

}  // namespace hati::linux
