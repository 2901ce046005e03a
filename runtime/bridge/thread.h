// SPDX-License-Identifier: MIT
// What the rest of the runtime may ask the bridge about threads.
#pragma once

#include "abi/object.h"
#include "base/types.h"

namespace hati::bridge {

struct ThreadRecord;

// The calling thread's handle, borrowed; kNoHandle for the process's first thread (see kStartupThread).
Handle current_thread_handle();

// Puts the wake-up of `self.clear_tid` into its ring without submitting it: how many submissions there are to enter.
u32 prepare_exit_wake(ThreadRecord& self);

}  // namespace hati::bridge
