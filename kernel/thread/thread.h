// SPDX-License-Identifier: MIT
// A thread, native or supervised. Registers live in its ThreadPage. A thread keeps itself alive (one reference) until it ends, so
// run queues and Cpu::current hold plain pointers.
// `word_` is one atomic: the run state and requests (kill, interrupt). Requests take effect on the CPU that has the thread, at the
// latest when it next leaves the kernel. State changes: whoever changes it from kStopped or kWaiting wins by compare-exchange;
// from kRunnable the holder (a run queue's lock, or the CPU that carries it as candidate); from kRunning only its CPU.
#pragma once

#include <atomic>

#include "abi/call.h"
#include "abi/thread.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/arch/arch.h"
#include "kernel/ipc/pending.h"
#include "kernel/memory/page_waiter.h"
#include "kernel/memory/shootdown.h"
#include "kernel/object/object.h"
#include "kernel/thread/balance.h"
#include "kernel/thread/run_queue.h"
#include "kernel/thread/timer.h"

namespace hati {

class Channel;
class Memory;
class Process;
class Ring;

struct ProcessTag;
using ProcessHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<ProcessTag>, boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

class Thread final : public Object, public arch::ThreadContext, public RunNode, public ProcessHook {
 public:
  static constexpr ObjectType kType = ObjectType::kThread;

  enum State : u32 { kStopped, kRunnable, kRunning, kWaiting, kEnded };
  // Requests, beside the state in `word_`.
  static constexpr u32 kStateMask = 7, kKill = 8, kInterrupt = 16;

  // A stopped thread of `process`. `creator`: whose priority is the limit and whose call entry is inherited; nullptr for the first
  // thread. The page of a supervised thread is mapped into the supervisor. kTerminated (the process is dying), kNoMemory, kNoSpace,
  // kInvalidArgument (priority above the creator's, unknown bits).
  static Result<Ref<Thread>> create(Process& process, ThreadRequest& request, const Thread* creator);

  State state() const { return static_cast<State>(word_.load(std::memory_order_acquire) & kStateMask); }
  Process& process() const { return *process_; }
  bool supervised() const { return supervisor_ != nullptr; }
  Process* supervisor() const { return supervisor_; }

  // Any CPU, no locks held.
  Result<> start();  // kNotSupported: supervised; kBusy: started before; kTerminated
  void kill(i32 exit_code, ThreadEnd end);
  Result<> interrupt();  // kNotSupported: not supervised
  // `limit`: the caller's priority. kInvalidArgument, kNoRight.
  Result<> control(ThreadProperty property, i64 value, u32 limit);
  ThreadInfo info() const;
  // kBusy unless it has ended or runs on this CPU.
  Result<ThreadState> read_state();
  // kThreadWait. Finishes the operation at once if the thread has ended. Fails as PendingOperation::track().
  Result<> wait_for_end(PendingOperation& operation) HATI_EXCLUDES(waiters_lock_);

  // The current thread of this CPU ends; at the exit another one runs.
  void exit_current(i32 exit_code, ThreadEnd end);
  // Native, current or claimed: an exception that nobody handles.
  void note_fault(u32 vector, u64 error, u64 address);

  // --- For kernel/thread and kernel/ipc. ---
  // What kThreadResume left, while the thread is resumed.
  struct Resume {
    Ring* ring = nullptr;  // of the last resume; owns a reference. Written by who moved the thread from kStopped
    u64 user_data = 0;
    bool pending = false;  // not completed yet
  };
  // The ring that the thread entered last, so that it need not be looked up again.
  struct KnownRing {
    static constexpr u64 kNone = ~u64{0};  // no epoch is that late: nothing is known, whatever number a caller passes
    u64 handle = 0;
    u64 epoch = kNone;
    Ref<Ring> ring;
  };
  // The same for a channel.
  struct KnownChannel {
    Handle handle = kNoHandle;
    Rights rights = Rights::kNone;
    u64 epoch = KnownRing::kNone;
    Ref<Channel> channel;
  };
  // Ends a kRingEnter when its deadline comes.
  class WaitTimer final : public Timer {
   public:
    explicit WaitTimer(Thread& thread) : thread_(thread) {}

   private:
    bool claim_expiry() override;
    void expired() override;
    Thread& thread_;
  };
  class FlushPark final : public FlushWaiter {
   public:
    explicit FlushPark(Thread& thread) : thread_(thread) {}
    void flushed() override;

   private:
    Thread& thread_;
  };

  // The thread sleeps in the kernel until a page that it faulted on has come, or memory is free; then it tries again.
  class PageWait final : public PageWaiter {
   public:
    explicit PageWait(Thread& thread) : thread_(thread) {}
    bool begin_page_wait(Ref<Object> target, Spinlock& lock) override;
    bool claim_page_wait() override { return thread_.claim_wake(); }
    void end_page_wait(Result<> result) override;
    // By who claimed the thread otherwise: takes it out of the list.
    void leave();
    // The page at `address` is about to be waited for.
    void expect(u64 address) { address_ = address; }
    // Whether the last wait has just ended with an error, and was for this address.
    bool take_error(u64 address);

   private:
    static constexpr u64 kErrorNs = 100'000'000;  // after that an error is not held against the next access
    Thread& thread_;
    Ref<Object> target_;
    Spinlock* lock_ = nullptr;
    u64 address_ = 0;
    u64 failed_ns_ = 0;  // 0: it has not
  };

  // kWaiting -> kRunnable. True for exactly one caller, who must see that it runs.
  bool claim_wake() {
    u32 word = kWaiting;  // mostly without requests
    do {
      if (word_.compare_exchange_strong(word, kRunnable | (word & ~kStateMask), std::memory_order_acq_rel)) [[likely]]
        return true;
    } while ((word & kStateMask) == kWaiting);
    return false;
  }
  // The last step of a thread's life, by whoever moved it to kEnded, when no CPU runs it. Drops the thread's own reference.
  void finish_end();

  std::atomic<u32> word_{kStopped};
  std::atomic<u32> cpu{0};          // where it runs or is queued, or ran last
  std::atomic<bool> on_cpu{false};  // `cpu` has not switched away from it yet: until then it may only be queued there
  std::atomic<u64> affinity{~u64{0}};
  u64 call_entry = 0;
  Resume resume;
  KnownRing known_ring;  // of this thread's own calls
  KnownChannel known_channel;
  WaitTimer wait_timer{*this};  // armed with the deadline of a wait, or with the last one's: it stays when a wait ends early
  FlushPark flush_park{*this};
  PageWait page_wait{*this};
  PendingOperation overflow{this};  // carries the completion of a trap while the ring is full
  i32 nice = 0;
  u64 time_slice_ns = 0;
  RecentShare share;  // by the CPU that has the thread, with its scheduler's lock
  std::atomic<u64> user_ns{0};
  std::atomic<u64> switches{0}, preemptions{0};

  Thread(Process& process, Ref<Memory> page_memory);
  ~Thread() override;

 private:
  void on_last_handle() override;
  void release_storage() override;
  void leave_slot();
  void set_end(i32 exit_code, ThreadEnd end);
  PendingOperation* next_waiter() HATI_EXCLUDES(waiters_lock_);

  Process* process_;     // owns a reference
  Process* supervisor_;  // kept alive by process_
  Ref<Memory> page_memory_;
  u64 page_address_ = 0;  // in the supervisor
  i32 end_code_ = 0;
  std::atomic<bool> end_set_{false};  // the first reason counts
  ThreadEnd end_ = ThreadEnd::kExited;
  u64 fault_[3] = {};  // vector, error code, address

  Spinlock waiters_lock_;
  TargetList waiters_ HATI_GUARDED_BY(waiters_lock_);
  bool ended_ HATI_GUARDED_BY(waiters_lock_) = false;
};

}  // namespace hati
