// SPDX-License-Identifier: MIT
// Start-up of kernel/object, ipc and thread: what cannot be initialised by the compiler. Called by object_init().
#pragma once

namespace hati {

void futex_init();

}  // namespace hati
