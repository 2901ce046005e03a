// SPDX-License-Identifier: MIT
// Work that is too long for one kernel entry or must not recurse: destruction of objects, teardown of spaces and memory.
// An item waits in the list of the CPU that deferred it and runs in pieces on kernel exit and in idle, no locks held.
#pragma once

#include "base/types.h"

namespace hati {

class Deferred {
 public:
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  // One bounded piece (about 20 us). True when all is done: the item is out of the list and may be gone already.
  virtual bool run_deferred() = 0;

 protected:
  Deferred() = default;
  ~Deferred() = default;

 private:
  friend class DeferredQueue;
  Deferred* next_ = nullptr;
  bool queued_ = false;
};

// Queues an item on this CPU; it must not be queued already. The caller keeps it alive until run_deferred() gave true.
void defer(Deferred& item);

// Does one piece of this CPU's work, if there is any. Returns whether there is more.
bool run_deferred_piece();
bool has_deferred_work();

// Provided by the scheduler: this CPU has deferred work now.
void note_deferred();

}  // namespace hati
