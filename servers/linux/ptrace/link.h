// SPDX-License-Identifier: MIT
// The relation between tracers and tracees: inside ptrace/ only.
#pragma once

#include "servers/linux/ptrace/ptrace.h"

namespace hati::linux {

// Both need the processes lock and the signal lock of the tracee's process.
void trace_link(Thread& tracee, Thread& tracer, Ref<const Credentials> credentials, bool seized, u32 options)
    HATI_REQUIRES(ProcessTable::lock);
// The tracee goes on; into the group stop if its process has stopped. The reference that the tracer held, to be dropped without locks.
Ref<Thread> trace_unlink(Thread& tracee) HATI_REQUIRES(ProcessTable::lock);
// The id of a dead thread may be used again.
void release_tid(Thread& thread) HATI_REQUIRES(ProcessTable::lock);

// PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_DETACH.
SysResult<> trace_me(Thread& thread);
SysResult<> trace_attach(Thread& tracer, Thread& tracee, bool seize, u32 options);

}  // namespace hati::linux
