// SPDX-License-Identifier: MIT
// Life of a thread: creation, start, kill, interrupt, end. Who runs when is the scheduler's business.
#include "kernel/thread/thread.h"

#include "kernel/debug/panic.h"
#include "kernel/ipc/channel.h"
#include "kernel/ipc/ring.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"
#include "kernel/thread/scheduler.h"

namespace hati {

namespace {
constinit ObjectCache<Thread> thread_cache;
}

Thread::Thread(Process& process, Ref<Memory> page_memory)
    : Object(kType), process_(&process), supervisor_(process.supervisor()), page_memory_(std::move(page_memory)) {
  process_->ref();
  page = page_memory_->data<ThreadPage>();
  space_context = &process.context;
  attached = process.attached();
  ring = attached ? 1 : 3;
  lazy_fpu = !supervised();
}

Thread::~Thread() { process_->unref(); }

Result<Ref<Thread>> Thread::create(Process& process, ThreadRequest& request, const Thread* creator) {
  const u32 limit = creator == nullptr ? kPriorityDriver : std::max<u32>(creator->priority, kPriorityFair);
  if (request.priority > limit) return fail(Error::kInvalidArgument);
  auto memory = TRY(Memory::create_contiguous(process.quota(), kPageSize));
  Charge charge = TRY(Charge::make(process.quota(), sizeof(Thread), 1));
  Ref<Thread> thread = TRY(thread_cache.make(process, memory));
  thread->charge_to(std::move(charge));
  thread->priority = request.priority;
  arch::fpu_init(*thread->page);
  arch::init_page(*thread->page, request.entry, request.stack, request.argument);
  thread->page->fs_base = request.fs_base;
  if (creator != nullptr && &creator->process() == &process) thread->call_entry = creator->call_entry;
  request.page = 0;
  if (thread->supervised()) {
    MapRequest map{};
    map.bytes = kPageSize;
    map.protection = Protection::kRead | Protection::kWrite;
    map.max_protection = static_cast<u32>(map.protection);
    map.flags = MapFlags::kShared;
    request.page = TRY(thread->supervisor_->map(map, memory));
    thread->page_address_ = request.page;
  }
  thread->ref();  // its own, until finish_end()
  if (auto added = process.add_thread(*thread); !added) {
    thread->unref();
    return fail(added.error());
  }
  return thread;
}

void Thread::release_storage() {
  if (const i32 live = fpu_cpu.load(std::memory_order_acquire); live >= 0) {
    if (static_cast<u32>(live) != this_cpu().id) {
      // Its processor writes the state to the page; until then this object stays on the list of the dead.
      arch::send_ipi(static_cast<u32>(live), arch::Ipi::kFpuSync);
      Object::destroy(this);
      return;
    }
    arch::fpu_discard(*this);
  }
  if (page_address_ != 0 && !supervisor_->dying()) {
    const auto mapping = supervisor_->query(page_address_);
    if (mapping && mapping->address <= page_address_ && mapping->memory_koid == page_memory_->koid())
      (void)supervisor_->unmap(page_address_, kPageSize);  // fails only for lack of memory: then the page stays mapped
  }
  thread_cache.destroy(this);
}

// A supervised thread cannot be resumed any more, a stopped one never started.
void Thread::on_last_handle() {
  if (supervised() || state() == kStopped) kill(-1, ThreadEnd::kKilled);
}

Result<> Thread::start() {
  if (supervised()) return fail(Error::kNotSupported);
  u32 expected = kStopped;
  if (!word_.compare_exchange_strong(expected, kRunnable, std::memory_order_acq_rel))
    return fail((expected & (kKill | kStateMask)) >= kKill || (expected & kStateMask) == kEnded ? Error::kTerminated : Error::kBusy);
  make_runnable(*this);
  return {};
}

void Thread::set_end(i32 exit_code, ThreadEnd end) {
  if (end_set_.exchange(true, std::memory_order_acq_rel)) return;
  end_code_ = exit_code;
  end_ = end;
}

void Thread::kill(i32 exit_code, ThreadEnd end) {
  set_end(exit_code, end);
  u32 word = word_.fetch_or(kKill, std::memory_order_acq_rel) | kKill;
  for (;;) {
    switch (static_cast<State>(word & kStateMask)) {
      case kEnded:
      case kRunnable: return;  // whoever picks it sees the request
      case kRunning: return kick_cpu(cpu.load(std::memory_order_acquire));
      case kStopped:
        if (!word_.compare_exchange_weak(word, kEnded | kKill, std::memory_order_acq_rel)) continue;
        return finish_end();
      case kWaiting:
        if (!word_.compare_exchange_weak(word, kRunnable | (word & ~kStateMask), std::memory_order_acq_rel)) continue;
        return make_runnable(*this);
    }
  }
}

Result<> Thread::interrupt() {
  if (!supervised()) return fail(Error::kNotSupported);
  const u32 old = word_.fetch_or(kInterrupt, std::memory_order_acq_rel);
  if ((old & kStateMask) == kRunning) kick_cpu(cpu.load(std::memory_order_acquire));
  if (claim_wake()) {  // it waits for a page
    page_wait.leave();
    make_runnable(*this);
  }
  return {};
}

bool Thread::WaitTimer::claim_expiry() { return thread_.claim_wake(); }

// The timer's CPU claimed the thread: it is ours until it is runnable.
void Thread::WaitTimer::expired() {
  thread_.page->rax = static_cast<u64>(-static_cast<i64>(Error::kTimedOut));
  thread_.leave_slot();
  make_runnable(thread_);
}

// What leave() needs is there before anybody can claim the thread. It fails if a request came: the exit path serves it.
bool Thread::PageWait::begin_page_wait(Ref<Object> target, Spinlock& lock) {
  TimerQueue::remove(thread_.wait_timer);  // armed for a wait in a ring that is over: it must not end this one
  target_ = std::move(target);
  lock_ = &lock;
  u32 running = kRunning;
  if (thread_.word_.compare_exchange_strong(running, kWaiting, std::memory_order_acq_rel)) return true;
  lock_ = nullptr;
  target_.reset();
  return false;
}

void Thread::PageWait::end_page_wait(Result<> result) {
  lock_ = nullptr;
  target_.reset();
  failed_ns_ = result ? 0 : arch::now_ns();
  make_runnable(thread_);
}

void Thread::PageWait::leave() {
  if (lock_ == nullptr) return;
  {
    Guard guard(*lock_);
    if (is_linked()) unlink();
  }
  lock_ = nullptr;
  target_.reset();
}

bool Thread::PageWait::take_error(u64 address) {
  const u64 failed_ns = std::exchange(failed_ns_, 0);
  return failed_ns != 0 && address == address_ && arch::now_ns() - failed_ns < kErrorNs;
}

void Thread::FlushPark::flushed() { make_runnable(thread_); }

void Thread::exit_current(i32 exit_code, ThreadEnd end) {
  HATI_ASSERT(this_cpu().current == this);
  set_end(exit_code, end);
  word_.fetch_add(kEnded - kRunning, std::memory_order_acq_rel);
  end_on_cpu();
}

void Thread::note_fault(u32 vector, u64 error, u64 address) {
  fault_[0] = vector;
  fault_[1] = error;
  fault_[2] = address;
}

void Thread::leave_slot() {
  if (known_ring.ring) known_ring.ring->forget_waiter(*this);
}

void Thread::finish_end() {
  while (on_cpu.load(std::memory_order_acquire)) arch::relax();  // its CPU is about to switch away
  TimerQueue::remove(wait_timer);
  leave_slot();
  page_wait.leave();
  if (Ring* target = std::exchange(resume.ring, nullptr)) {
    const Ref<Ring> reference = Ref<Ring>::adopt(target);
    Ring* trap_ring = supervisor_->trap_ring(this_cpu().id);
    if (resume.pending)
      (trap_ring != nullptr ? trap_ring : target)->complete({resume.user_data, static_cast<i64>(Trap::kKilled), {}}, overflow);
  }
  while (PendingOperation* operation = next_waiter()) operation->finish(static_cast<u32>(end_code_));
  process_->thread_ended(*this, end_code_, end_);
  unref();
}

PendingOperation* Thread::next_waiter() {
  Guard guard(waiters_lock_);
  ended_ = true;
  return claim_first(waiters_);
}

Result<> Thread::wait_for_end(PendingOperation& operation) {
  {
    Guard guard(waiters_lock_);
    if (!ended_) {
      operation.target = Ref<Object>(*this);
      operation.target_lock = &waiters_lock_;
      TRY(operation.track());
      waiters_.push_back(operation);
      return {};
    }
  }
  operation.finish_untracked(static_cast<u32>(end_code_));
  return {};
}

Result<> Thread::control(ThreadProperty property, i64 value, u32 limit) {
  switch (property) {
    case ThreadProperty::kPriority:
      if (value < 0 || value > kPriorityDriver) return fail(Error::kInvalidArgument);
      if (static_cast<u32>(value) > limit) return fail(Error::kNoRight);
      set_priority(*this, static_cast<u32>(value));
      return {};
    case ThreadProperty::kNice:
      if (value < -20 || value > 19) return fail(Error::kInvalidArgument);
      set_nice(*this, static_cast<i32>(value));
      return {};
    case ThreadProperty::kAffinity: {
      const u32 count = cpu_count();
      const u64 online = count >= 64 ? ~u64{0} : (u64{1} << count) - 1;
      if ((static_cast<u64>(value) & online) == 0) return fail(Error::kInvalidArgument);
      affinity.store(static_cast<u64>(value), std::memory_order_relaxed);
      affinity_changed(*this);
      return {};
    }
    case ThreadProperty::kTimeSlice:
      if (value < 0) return fail(Error::kInvalidArgument);
      time_slice_ns = static_cast<u64>(value);
      return {};
  }
  return fail(Error::kInvalidArgument);
}

ThreadInfo Thread::info() const {
  ThreadInfo result{};
  result.koid = koid();
  result.user_ns = thread_time_ns(*this);
  result.context_switches = switches.load(std::memory_order_relaxed);
  result.preemptions = preemptions.load(std::memory_order_relaxed);
  result.last_cpu = cpu.load(std::memory_order_relaxed);
  result.priority = priority;
  result.nice = nice;
  result.state = state();
  return result;
}

Result<ThreadState> Thread::read_state() {
  const bool is_current = this_cpu().current == this;
  if (!is_current && (state() != kEnded || on_cpu.load(std::memory_order_acquire))) return fail(Error::kBusy);
  if (is_current) arch::save_bases(*this);
  const ThreadPage& p = *page;
  return ThreadState{p.rax, p.rbx, p.rcx, p.rdx, p.rsi, p.rdi,    p.rbp,     p.rsp,     p.r8,      p.r9,      p.r10,    p.r11,
                     p.r12, p.r13, p.r14, p.r15, p.rip, p.rflags, p.fs_base, p.gs_base, fault_[0], fault_[1], fault_[2]};
}

}  // namespace hati
