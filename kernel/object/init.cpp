// SPDX-License-Identifier: MIT
#include "kernel/object/init.h"

#include "kernel/boot/boot_info.h"

namespace hati {

void object_init() { futex_init(); }

}  // namespace hati
