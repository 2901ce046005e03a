// SPDX-License-Identifier: MIT
// Handles, the types of kernel objects and the rights that a handle may carry.
#pragma once

#include <type_traits>

#include "base/bits.h"
#include "base/types.h"

namespace hati {

// An index into the handle table of the calling process, with a generation. Zero is never valid.
using Handle = u32;
inline constexpr Handle kNoHandle = 0;

enum class ObjectType : u32 {
  kNone,
  kThread,
  kAddressSpace,  // with its handle table: a process
  kMemory,
  kRing,
  kChannel,
  kEvent,
  kInterrupt,
  kPortRange,
  kResource,  // the right to make Interrupt, PortRange, Dma and physical Memory objects, and to power off
  kDma,       // the right to learn where memory is: Call::kMemoryPin
  kPager,     // receives the page requests of any number of paged Memory objects
};

// Rights are per handle and can only shrink. The first four mean the same for every type.
enum class Rights : u32 {
  kNone = 0,
  kDuplicate = 1 << 0,
  kTransfer = 1 << 1,  // may travel in a message or be given to another process
  kInspect = 1 << 2,   // information calls
  kWait = 1 << 3,      // ring operations that wait for it

  kRead = 1 << 4,     // Memory, PortRange: read; Channel: receive
  kWrite = 1 << 5,    // Memory, PortRange: write; Channel: send, call, reply; Event: signal; Interrupt: acknowledge
  kExecute = 1 << 6,  // Memory: map executable
  kMap = 1 << 7,      // Memory: map; AddressSpace: map into, unmap, protect, move, discard, clear
  kResize = 1 << 8,   // Memory: resize, discard
  kManage = 1 << 9,   // Thread: start, kill, interrupt, resume, control, state; AddressSpace: create threads, give, terminate, clone, copy; Resource: all;
                        // Memory with a pager, Pager: what the pager does
  kAll = (1 << 10) - 1,
};
HATI_FLAGS(Rights)

struct HandleInfo {
  ObjectType type;
  Rights rights;
  u64 koid;  // unique for the life of the system, equal for all handles of one object
};
static_assert(sizeof(HandleInfo) == 16);

}  // namespace hati
