// SPDX-License-Identifier: MIT
// Scheduling parameters of threads: what sched(7) calls set is kept in Thread::scheduling and told to the kernel.
#pragma once

#include "servers/linux/core/thread.h"

namespace hati::linux {

// A new thread takes over its creator's parameters (all but those marked to be reset).
void inherit_scheduling(Thread& parent, Thread& child);
// Tells the kernel; after exec made another native thread, too.
void apply_scheduling(Thread& thread);

}  // namespace hati::linux
