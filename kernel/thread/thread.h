// SPDX-License-Identifier: MIT
// A thread, native or supervised. Registers live in its ThreadPage. A thread that has been started keeps itself alive
// (one reference) until it ends, so run queues and Cpu::current hold plain pointers.
// `state_` is one atomic word: the run state and pending requests (kill, interrupt), which take effect on the CPU that has
// the thread, at the latest on kernel exit.
#pragma once

#include <atomic>

#include "abi/call.h"
#include "abi/thread.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/ipc/pending.h"
#include "kernel/object/object.h"
#include "kernel/thread/run_queue.h"
#include "kernel/thread/thread_offsets.h"
#include "kernel/thread/timer.h"

namespace hati {

class AddressSpace;
class Ring;

inline constexpr u32 kNoCpu = ~u32{0};

class Thread final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kThread;

  // --- For kernel/arch: HATI_THREAD_PAGE and HATI_THREAD_RING are the offsets of the first two. ---
  ThreadPage* page = nullptr;  // in the direct map
  u8 ring = 3;                 // current privilege level: 3, or 1 in an attached server
  bool supervised = false;
  bool lazy_fpu = false;  // a server's worker: the processor may keep another thread's extended state while it runs
  bool debug_registers = false;  // set by the scheduler when page->debug_control != 0: load dr0..3, dr7 on switch
  // The CPU whose registers hold the extended state, kNoCpu when the page has it. Written by kernel/arch on that CPU.
  std::atomic<u32> fpu_cpu{kNoCpu};
  AddressSpace* space = nullptr;  // owns a reference

 public:
  // ... the rest is for kernel/thread, kernel/call and kernel/ipc.
  enum class State : u32 { kStopped, kRunnable, kRunning, kWaiting, kEnded };
};

}  // namespace hati
