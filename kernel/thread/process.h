// SPDX-License-Identifier: MIT
// An address space as a process: its threads, its end, those who wait for it, its rings, and the trap rings through which it supervises
// others. Every AddressSpace is a Process.
// The end goes in pieces, as deferred work: kill the threads, wait for the last, close rings and handles, tell the waiters, unmap.
#pragma once

#include <array>
#include <atomic>

#include "abi/thread.h"
#include "kernel/cpu/cpu.h"
#include "kernel/ipc/pending.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/address_space.h"
#include "kernel/object/deferred.h"
#include "kernel/sync/spinlock.h"
#include "kernel/thread/thread.h"

namespace hati {

class Process final : public AddressSpace, private Deferred {
 public:
  // An empty space. kSupervised: `creator` becomes its supervisor. kAttached is for native spaces only. `creator` may be null for the
  // first process. kInvalidArgument, kNoMemory.
  static Result<Ref<Process>> create(SpaceFlags flags, Process* creator);

  // Any CPU, no locks held. Idempotent; `koid` names the thread that failed, or 0.
  void terminate(i32 exit_code, ThreadEnd end, u64 koid) HATI_EXCLUDES(state_lock_);
  bool dying() const { return dying_.load(std::memory_order_acquire); }
  // kSpaceWait: completes when the process has ended. Fails as PendingOperation::track().
  Result<> wait_for_end(PendingOperation& operation) HATI_EXCLUDES(state_lock_);
  u32 thread_count() const { return thread_count_.load(std::memory_order_relaxed); }
  SpaceInfo full_info();

  // A native thread failed: keeps its state for kSpaceReadCrash, unless there is a report already.
  void record_crash(const ThreadState& state, u64 thread_koid) HATI_EXCLUDES(state_lock_);
  // nullptr: no thread has failed. Constant once it is there.
  const CrashReport* crash_report() const { return crash_.load(std::memory_order_acquire); }

  Process* supervisor() const { return supervisor_.get(); }
  // Traps of threads that this process supervises complete into this ring on that CPU; nullptr: into the ring of the resume.
  Ring* trap_ring(u32 cpu) const { return trap_rings_[cpu].load(std::memory_order_acquire); }
  // kExists: a CPU's ring is set once. kTerminated.
  Result<> set_trap_ring(u32 cpu, Ref<Ring> ring) HATI_EXCLUDES(state_lock_);

  // For Thread and Ring. kTerminated: the process is dying.
  Result<> add_thread(Thread& thread) HATI_EXCLUDES(state_lock_);
  void thread_ended(Thread& thread, i32 exit_code, ThreadEnd end) HATI_EXCLUDES(state_lock_);
  Result<> add_ring(Ring& ring) HATI_EXCLUDES(state_lock_);
  void remove_ring(Ring& ring) HATI_EXCLUDES(state_lock_);

  // Of all processes and threads, for SystemInfo.
  static u32 total_threads() { return total_threads_.load(std::memory_order_relaxed); }
  // If the first process ends, so does everything.
  void set_essential() { essential_ = true; }

  Process(SpaceFlags flags, Ref<Quota> quota, Ref<Process> supervisor);
  ~Process() override;

 private:
  enum class Phase : u8 { kAlive, kKilling, kDraining, kRings, kHandles, kUnmapping, kDone };
  using Threads = boost::intrusive::list<Thread, boost::intrusive::base_hook<ProcessHook>, boost::intrusive::constant_time_size<false>>;
  using Rings = boost::intrusive::list<Ring, boost::intrusive::base_hook<ProcessRingHook>, boost::intrusive::constant_time_size<false>>;

  void on_last_handle() override { terminate(0, ThreadEnd::kKilled, 0); }
  void release_storage() override;
  bool run_deferred() override;
  Phase phase() HATI_EXCLUDES(state_lock_);
  void set_phase(Phase phase) HATI_EXCLUDES(state_lock_);
  Ref<Thread> next_victim(bool& draining) HATI_EXCLUDES(state_lock_);
  bool kill_some();
  bool close_some_rings() HATI_EXCLUDES(state_lock_);
  struct EndReport {
    u32 exit_code;
    u64 end, koid;
  };
  EndReport end_report() HATI_EXCLUDES(state_lock_);
  PendingOperation* next_waiter() HATI_EXCLUDES(state_lock_);
  void tell_waiters() HATI_EXCLUDES(state_lock_);

  static constexpr u32 kPiece = 16;

  const Ref<Process> supervisor_;
  bool essential_ = false;
  std::atomic<bool> dying_{false};
  std::atomic<u32> thread_count_{0};
  std::atomic<CrashReport*> crash_{nullptr};               // owned
  std::array<std::atomic<Ring*>, kCpusMax> trap_rings_{};  // own references, until the destructor

  Spinlock state_lock_;
  Phase phase_ HATI_GUARDED_BY(state_lock_) = Phase::kAlive;
  Threads threads_ HATI_GUARDED_BY(state_lock_);
  Threads killed_ HATI_GUARDED_BY(state_lock_);
  Rings rings_ HATI_GUARDED_BY(state_lock_);  // open ones, each with a reference
  TargetList waiters_ HATI_GUARDED_BY(state_lock_);
  i32 exit_code_ HATI_GUARDED_BY(state_lock_) = 0;
  ThreadEnd end_ HATI_GUARDED_BY(state_lock_) = ThreadEnd::kExited;
  u64 failed_koid_ HATI_GUARDED_BY(state_lock_) = 0;

  static inline std::atomic<u32> total_threads_{0};
};

// Every space is a process.
inline Process& as_process(AddressSpace& space) { return static_cast<Process&>(space); }

}  // namespace hati
