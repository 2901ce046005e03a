// SPDX-License-Identifier: MIT
#include "kernel/thread/process.h"

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/scheduler.h"

namespace hati {

namespace {

constinit ObjectCache<Process> process_cache;
constinit ObjectCache<CrashReport> crash_cache;

// The first process may use all of memory; what is kept back for the kernel protects that. Others begin with a part, until somebody who
// manages them says otherwise (kSpaceSetLimit).
constexpr u64 kQuotaBytes = u64{1} << 40;
constexpr u64 kQuotaObjects = u64{1} << 40;
constexpr u64 kQuotaPart = 4;
constexpr u64 kQuotaObjectsDefault = 1 << 16;

}  // namespace

Process::Process(SpaceFlags flags, Ref<Quota> quota, Ref<Process> supervisor)
    : AddressSpace(flags, std::move(quota), this), supervisor_(std::move(supervisor)) {}

Process::~Process() {
  if (CrashReport* report = crash_.load(std::memory_order_relaxed)) crash_cache.destroy(report);
  for (auto& slot : trap_rings_)
    if (Ring* ring = slot.load(std::memory_order_relaxed)) ring->unref();
}

void Process::record_crash(const ThreadState& state, u64 thread_koid) {
  auto made = crash_cache.construct();
  if (!made) return;  // without memory the one line in the log has to do
  CrashReport& report = **made;
  report = {};
  report.state = state;
  report.thread_koid = thread_koid;
  u64 frame = state.rbp;
  while (report.frame_count < std::size(report.frames)) {
    u64 words[2];  // the caller's frame pointer, the return address
    if (frame % sizeof(u64) != 0 || !copy_in(frame, words, sizeof words) || words[1] == 0) break;
    report.frames[report.frame_count++] = words[1];
    if (words[0] <= frame) break;  // stacks grow down: anything else is not a chain
    frame = words[0];
  }
  CrashReport* expected = nullptr;
  if (!crash_.compare_exchange_strong(expected, &report, std::memory_order_acq_rel)) crash_cache.destroy(&report);
}

// Pins go last: whoever held the process could stop its devices before it let go.
void Process::release_storage() {
  if (!pins().release_some(kPiece)) return Object::destroy(this);
  process_cache.destroy(this);
}

Result<Ref<Process>> Process::create(SpaceFlags flags, Process* creator) {
  const bool supervised = has(flags, SpaceFlags::kSupervised), attached = has(flags, SpaceFlags::kAttached);
  if ((flags & ~(SpaceFlags::kSupervised | SpaceFlags::kAttached)) != SpaceFlags::kNone || (supervised && attached))
    return fail(Error::kInvalidArgument);
  const bool first = creator == nullptr;
  Ref<Quota> above = first ? nullptr : creator->quota();
  Charge charge = TRY(Charge::make(above, sizeof(Process) + sizeof(Quota) + kPageSize, 1));  // with the root table
  auto quota =
      TRY(Quota::create(first ? kQuotaBytes : frames.total_bytes() / kQuotaPart, first ? kQuotaObjects : kQuotaObjectsDefault, above));
  Ref<Process> supervisor;
  if (supervised) supervisor = Ref<Process>(*creator);
  Ref<Process> process = TRY(process_cache.make(flags, std::move(quota), supervisor));
  process->charge_to(std::move(charge));
  TRY(process->initialize(supervisor.get()));
  return process;
}

Result<> Process::add_thread(Thread& thread) {
  Guard guard(state_lock_);
  if (phase_ != Phase::kAlive) return fail(Error::kTerminated);
  threads_.push_back(thread);
  thread_count_.fetch_add(1, std::memory_order_relaxed);
  total_threads_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void Process::thread_ended(Thread& thread, i32 exit_code, ThreadEnd end) {
  bool last = false;
  {
    Guard guard(state_lock_);
    thread.ProcessHook::unlink();
    total_threads_.fetch_sub(1, std::memory_order_relaxed);
    last = thread_count_.fetch_sub(1, std::memory_order_relaxed) == 1;
    if (last && phase_ == Phase::kDraining) {
      phase_ = Phase::kRings;
    } else if (phase_ != Phase::kAlive) {
      return;
    }
  }
  if (!last) return;
  if (dying()) {
    defer(*this);
  } else if (!supervised()) {
    terminate(exit_code, end, end == ThreadEnd::kExited ? 0 : thread.koid());  // nobody is left to run in it
  }
}

void Process::terminate(i32 exit_code, ThreadEnd end, u64 koid) {
  {
    Guard guard(state_lock_);
    if (phase_ != Phase::kAlive) return;
    phase_ = Phase::kKilling;
    dying_.store(true, std::memory_order_release);
    exit_code_ = exit_code;
    end_ = end;
    failed_koid_ = koid;
  }
  if (essential_) panic("the first process has ended with code {}", exit_code);
  ref();  // until kDone
  defer(*this);
}

Ref<Thread> Process::next_victim(bool& draining) {
  Guard guard(state_lock_);
  if (threads_.empty()) {
    draining = thread_count_.load(std::memory_order_relaxed) != 0;
    phase_ = draining ? Phase::kDraining : Phase::kRings;
    // From here a remote CPU may end the last thread and queue this item there.
    return nullptr;
  }
  Thread& thread = threads_.front();
  threads_.pop_front();
  killed_.push_back(thread);
  return Ref<Thread>(thread);
}

// Kills some threads. True when the last thread to end will queue this item again.
bool Process::kill_some() {
  bool draining = false;
  for (u32 i = 0; i < kPiece; ++i) {
    const Ref<Thread> thread = next_victim(draining);
    if (!thread) break;
    thread->kill(-1, ThreadEnd::kKilled);
  }
  return draining;
}

// A ring leaves the list in remove_ring(), perhaps on another CPU: until all have, this process must stay.
bool Process::close_some_rings() {
  for (u32 i = 0; i < kPiece; ++i) {
    Ref<Ring> ring;
    {
      Guard guard(state_lock_);
      if (rings_.empty()) return true;
      ring = Ref<Ring>(rings_.front());
    }
    ring->close();
  }
  return false;
}

Process::Phase Process::phase() {
  Guard guard(state_lock_);
  return phase_;
}

void Process::set_phase(Phase phase) {
  Guard guard(state_lock_);
  phase_ = phase;
}

// True when the item shall not be queued again: done, or the last thread will queue it.
bool Process::run_deferred() {
  switch (phase()) {
    case Phase::kAlive:
    case Phase::kDone: return true;
    case Phase::kKilling: return kill_some();
    case Phase::kDraining: return true;
    case Phase::kRings:
      if (close_some_rings()) set_phase(Phase::kHandles);
      return false;
    case Phase::kHandles:
      if (!handles().clear(kPiece)) return false;
      tell_waiters();
      return false;
    case Phase::kUnmapping:
      if (!teardown_piece()) return false;
      set_phase(Phase::kDone);
      unref();
      return true;
  }
  return true;
}

// The next operation that waits for the end, claimed; nullptr: none is left, and later ones are told at once.
PendingOperation* Process::next_waiter() {
  Guard guard(state_lock_);
  PendingOperation* operation = claim_first(waiters_);
  if (operation == nullptr) phase_ = Phase::kUnmapping;
  return operation;
}

Process::EndReport Process::end_report() {
  Guard guard(state_lock_);
  return {static_cast<u32>(exit_code_), static_cast<u64>(end_), failed_koid_};
}

void Process::tell_waiters() {
  const EndReport report = end_report();
  while (PendingOperation* operation = next_waiter()) operation->finish(report.exit_code, report.end, report.koid);
}

Result<> Process::wait_for_end(PendingOperation& operation) {
  {
    Guard guard(state_lock_);
    if (phase_ < Phase::kUnmapping) {
      operation.target = Ref<Object>(*this);
      operation.target_lock = &state_lock_;
      TRY(operation.track());
      waiters_.push_back(operation);
      return {};
    }
  }
  const EndReport report = end_report();
  operation.finish_untracked(report.exit_code, report.end, report.koid);
  return {};
}

Result<> Process::add_ring(Ring& ring) {
  Guard guard(state_lock_);
  if (phase_ != Phase::kAlive) return fail(Error::kTerminated);
  ring.ref();
  rings_.push_back(ring);
  return {};
}

void Process::remove_ring(Ring& ring) {
  {
    Guard guard(state_lock_);
    ring.ProcessRingHook::unlink();
  }
  ring.unref();
}

Result<> Process::set_trap_ring(u32 cpu, Ref<Ring> ring) {
  Guard guard(state_lock_);
  if (phase_ != Phase::kAlive) return fail(Error::kTerminated);
  if (trap_rings_[cpu].load(std::memory_order_relaxed) != nullptr) return fail(Error::kExists);
  trap_rings_[cpu].store(ring.release(), std::memory_order_release);
  return {};
}

SpaceInfo Process::full_info() {
  SpaceInfo result = info();
  result.threads = thread_count();
  result.handles = handles().count();
  return result;
}

}  // namespace hati
