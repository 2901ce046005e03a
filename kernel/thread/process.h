// SPDX-License-Identifier: MIT
// The part of a process beside its address space and handles: its threads, its end, those who wait for it, and the trap rings
// through which it supervises others. A member of AddressSpace (`Process& process()`).
// The end goes in pieces, as deferred work: kill the threads, wait for the last, close rings and handles, tell the waiters, unmap.
#pragma once

#include <array>
#include <atomic>

#include "abi/thread.h"
#include "kernel/cpu/cpu.h"
#include "kernel/ipc/pending.h"
#include "kernel/object/deferred.h"
#include "kernel/sync/spinlock.h"
#include "kernel/thread/thread.h"

namespace hati {

class Process final : public Deferred {
 public:
  explicit Process(AddressSpace& space) : space_(space) {}
  ~Process();

  // Any CPU, no locks held. Idempotent; `koid` names the thread that failed, or 0.
  void terminate(i32 exit_code, ThreadEnd end, u64 koid) HATI_EXCLUDES(lock_);
  bool dying() const { return dying_.load(std::memory_order_acquire); }
  // kSpaceWait: completes when the process has ended.
  void wait_for_end(PendingOperation& operation) HATI_EXCLUDES(lock_);
  u32 thread_count() const { return thread_count_.load(std::memory_order_relaxed); }

  // Traps of threads that this process supervises complete into this ring on that CPU; nullptr: into the ring of the resume.
  Ring* trap_ring(u32 cpu) const { return trap_rings_[cpu].load(std::memory_order_acquire); }
  // kExists: a CPU's ring is set once. kTerminated.
  Result<> set_trap_ring(u32 cpu, Ref<Ring> ring) HATI_EXCLUDES(lock_);

  // For Thread and Ring. kTerminated: the process is dying.
  Result<> add_thread(Thread& thread) HATI_EXCLUDES(lock_);
  void thread_ended(Thread& thread) HATI_EXCLUDES(lock_);
  Result<> add_ring(Ring& ring) HATI_EXCLUDES(lock_);
  void remove_ring(Ring& ring) HATI_EXCLUDES(lock_);

 private:
  enum class Phase : u8 { kAlive, kKilling, kDraining, kRings, kHandles, kUnmapping, kDone };
  using Threads = boost::intrusive::list<Thread, boost::intrusive::base_hook<ProcessHook>, boost::intrusive::constant_time_size<false>>;

  bool run_deferred() override;
  bool kill_some();
  bool close_some_rings();
  void tell_waiters();

  static constexpr u32 kPiece = 16;

  AddressSpace& space_;
  std::atomic<bool> dying_{false};
  std::atomic<u32> thread_count_{0};
  std::array<std::atomic<Ring*>, kCpusMax> trap_rings_{};  // own references until the destructor

  Spinlock lock_;
  Phase phase_ HATI_GUARDED_BY(lock_) = Phase::kAlive;
  Threads threads_ HATI_GUARDED_BY(lock_);
  Threads killed_ HATI_GUARDED_BY(lock_);
  boost::intrusive::list<Ring, boost::intrusive::base_hook<ProcessRingHook>, boost::intrusive::constant_time_size<false>> rings_
      HATI_GUARDED_BY(lock_);
  TargetList waiters_ HATI_GUARDED_BY(lock_);
  i32 exit_code_ HATI_GUARDED_BY(lock_) = 0;
  ThreadEnd end_ HATI_GUARDED_BY(lock_) = ThreadEnd::kExited;
  u64 failed_koid_ HATI_GUARDED_BY(lock_) = 0;
};

}  // namespace hati
