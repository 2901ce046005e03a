// SPDX-License-Identifier: MIT
// Restartable sequences (rseq(2), linux/rseq.h): a thread's area tells on which processor it runs, and a critical section that was left half done,
// because the thread lost the processor or took a signal, begins again at its abort handler. The kernel watches the area's pointer to the current
// critical section (ThreadPage::watch_address) and stops the thread when it matters, so a call costs nothing.
#pragma once

#include "base/types.h"

namespace hati::linux {

class Thread;

// Of one thread; only the thread itself touches it.
struct RestartableSequences {
  u64 area = 0;  // in the program; 0: not registered
  u32 signature = 0;
};

// The thread is about to run on this worker's processor, perhaps after a pause: aborts its critical section if it is in one, and tells the area the
// processor. A bad area or section is SIGSEGV.
void renew_sequences(Thread& thread);
// A handler is about to be entered: aborts the critical section, so that the handler's return leads to the abort handler. False: the area or the
// section is bad, and the handler must not run.
[[nodiscard]] bool abort_sequence_for_signal(Thread& thread);
// Whether the thread runs elsewhere than its area says.
bool sequences_have_moved(Thread& thread);
// For a thread that was copied without sharing memory.
void inherit_sequences(Thread& parent, Thread& child);

}  // namespace hati::linux
