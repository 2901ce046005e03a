// SPDX-License-Identifier: MIT
// Zeroed pages for tables that grow (handle tables). The host tests bring their own implementation.
#pragma once

#include "base/result.h"

namespace hati {

// One page, zeroed. kNoMemory.
Result<void*> allocate_kernel_page();
void free_kernel_page(void* page);

}  // namespace hati
