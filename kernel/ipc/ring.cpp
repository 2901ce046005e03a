// SPDX-License-Identifier: MIT
#include "kernel/ipc/ring.h"

#include <algorithm>

#include "kernel/arch/arch.h"
#include "kernel/debug/panic.h"
#include "kernel/ipc/operations.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"
#include "kernel/thread/resume.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/switch.h"
#include "kernel/thread/thread.h"

namespace hati {

namespace {
constinit ObjectCache<Ring> ring_cache;
constexpr i64 raw(Error error) { return -static_cast<i64>(error); }
constexpr i64 kBadIndex = raw(Error::kInvalidArgument);
}  // namespace

Ring::Ring(Process& owner, Ref<Memory> memory, RingQueues queues)
    : Object(kType), owner_(&owner), memory_(std::move(memory)), quota_(owner.quota()), queues_(queues) {}

Ring::~Ring() { quota_->uncharge(operations_charged_.load(std::memory_order_relaxed) * sizeof(PendingOperation)); }

void Ring::release_storage() { ring_cache.destroy(this); }

Result<Ref<Ring>> Ring::create(Process& owner, RingRequest& request) {
  const u64 bytes = TRY(RingQueues::bytes_for(request.submit_entries, request.complete_entries));
  auto memory = TRY(Memory::create_contiguous(owner.quota(), bytes));
  RingQueues queues{memory->data<u8>(), request.submit_entries, request.complete_entries};
  Charge charge = TRY(Charge::make(owner.quota(), sizeof(Ring), 1));
  Ref<Ring> ring = TRY(ring_cache.make(owner, memory, queues));
  ring->charge_to(std::move(charge));
  MapRequest map{};
  map.bytes = page_ceil(bytes);
  map.protection = Protection::kRead | Protection::kWrite;
  map.max_protection = static_cast<u32>(map.protection);
  map.flags = MapFlags::kShared;
  request.address = TRY(owner.map(map, memory));
  if (auto added = owner.add_ring(*ring); !added) {
    (void)owner.unmap(request.address, map.bytes);  // the process is dying and unmaps everything anyway
    return fail(added.error());
  }
  return ring;
}

namespace {

// The head of a kThreadResume without flags, below its handle.
constexpr u32 kResumeWord = static_cast<u32>(Operation::kThreadResume);

[[gnu::always_inline]] inline Result<> start_resume(Ring& ring, Thread& thread, Handle handle, u64 user_data) {
  auto target = thread.process().handles().get_inline<Thread>(handle, Rights::kManage);
  if (!target) [[unlikely]]
    return fail(target.error());
  if ((*target)->supervisor() != &thread.process()) [[unlikely]]
    return fail(Error::kNotSupported);
  return resume_supervised(**target, ring, user_data);
}

[[gnu::always_inline]] inline InlineStarter inline_starter(u32 word) {
  if (word == kInlineCallWord) return start_inline_call;
  if (word == kInlineReplyReceiveWord) return start_inline_reply_receive;
  if (word == kInlineReplyWord) return start_inline_reply;
  return word == kInlineReceiveWord ? start_inline_receive : nullptr;
}

}  // namespace

// spare_ is free as long as nothing overflows, and enough for the one operation that finds the queue full.
[[gnu::always_inline]] inline void Ring::consume_one(Thread& thread) {
  const RingQueues::Head head = queues_.peek();
  const auto word = static_cast<u32>(head.first);
  const auto handle = static_cast<Handle>(head.first >> 32);
  Result<> started{};
  if (word == kResumeWord) [[likely]] {
    queues_.skip();
    started = start_resume(*this, thread, handle, head.user_data);
  } else if (const InlineStarter start = inline_starter(word); start != nullptr && has_room_for_operation()) {
    started = start(*this, thread, handle, head.user_data, queues_.arguments());
    queues_.skip();
  } else {
    return start_operation(*this, thread, queues_.take(head));
  }
  if (!started) [[unlikely]]
    complete({head.user_data, -static_cast<i64>(started.error()), {}}, spare_);
}

[[gnu::noinline]] i64 Ring::consume_some(Thread& thread, u32 count) {
  for (u32 consumed = 0; consumed < count; ++consumed) {
    if (overflowing_.load(std::memory_order_relaxed)) [[unlikely]]
      return consumed;
    consume_one(thread);
  }
  return count;
}

[[gnu::always_inline]] inline i64 Ring::consume(Thread& thread, u32 submit) {
  const auto submitted = queues_.submitted();
  if (!submitted) [[unlikely]]
    return kBadIndex;
  const u32 count = std::min(submit, *submitted);
  if (count != 1 || overflowing_.load(std::memory_order_relaxed)) [[unlikely]]
    return consume_some(thread, count);
  consume_one(thread);
  return 1;
}

[[gnu::always_inline]] inline i64 Ring::wait_for(Thread& thread, u32 wait, u64 deadline_ns, i64 consumed) {
  Guard guard(lock_);
  if (closed_.load(std::memory_order_relaxed)) [[unlikely]]
    return raw(Error::kTerminated);
  if (wait > queues_.complete_entries()) [[unlikely]]
    return raw(Error::kInvalidArgument);
  if (overflow_first_ != nullptr || queues_.available() >= wait) return consumed;
  if (waiter_ != nullptr) [[unlikely]]
    return raw(Error::kBusy);
  // Mostly the deadline is the one of the last wait, whose timer is still armed.
  const bool armed = deadline_ns == kNever || thread.wait_timer.armed(scheduler_at(this_cpu().id).timers, deadline_ns);
  if (!armed && deadline_ns <= arch::now_ns()) return raw(Error::kTimedOut);
  if (!armed || deadline_ns == kNever) TimerQueue::remove(thread.wait_timer);  // before it could end this wait
  u32 running = Thread::kRunning;
  // Fails if a request came: the exit path serves it.
  if (!thread.word_.compare_exchange_strong(running, Thread::kWaiting, std::memory_order_acq_rel)) [[unlikely]]
    return consumed;
  thread.page->rax = static_cast<u64>(consumed);
  waiter_ = &thread;
  wanted_ = wait;
  if (!armed) add_timer(thread.wait_timer, deadline_ns);
  // From here, once the lock is free, another CPU may wake the thread.
  return kWaits;
}

[[gnu::always_inline]] inline i64 Ring::enter(Thread& thread, u32 submit, u32 wait, u64 deadline_ns) {
  if (overflowing_.load(std::memory_order_relaxed)) [[unlikely]]
    flush();
  i64 consumed = 0;
  if (submit != 0) [[likely]] {
    if (entered_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      return raw(Error::kBusy);
    consumed = consume(thread, submit);
    entered_.store(false, std::memory_order_release);
  }
  if (wait == 0 || consumed < 0) return closed() ? raw(Error::kTerminated) : consumed;
  return wait_for(thread, wait, deadline_ns, consumed);
}

namespace {

Error bad_ring(const ThreadPage& page, const Process& process, const Result<Ref<Ring>>& ring) {
  if (page.rdi > ~u32{0}) return Error::kBadHandle;
  if (!ring) return ring.error();
  return &(*ring)->owner() != &process ? Error::kNoRight : Error::kInvalidArgument;
}

// Looks the ring up and remembers it in the thread. The answer stays right until a handle to a ring is closed in this process.
bool find_ring(Thread& thread, ThreadPage& page) {
  Process& process = thread.process();
  const u32 epoch = process.handles().known_epoch();  // read first: a close from here on is noticed the next time
  thread.known_ring.epoch = Thread::KnownRing::kNone;
  auto ring = process.handles().get<Ring>(static_cast<Handle>(page.rdi), Rights::kWait);
  if (!ring || (page.rdi >> 32) != 0 || &(*ring)->owner() != &process) {
    page.rax = static_cast<u64>(raw(bad_ring(page, process, ring)));
    return false;
  }
  thread.known_ring.handle = page.rdi;
  thread.known_ring.epoch = epoch;
  thread.known_ring.ring = std::move(*ring);
  return true;
}

}  // namespace

Thread* enter_ring(Cpu& cpu, Thread& thread) {
  ThreadPage& page = *thread.page;
  Thread::KnownRing& known = thread.known_ring;
  if (known.handle != page.rdi || known.epoch != thread.process().handles().known_epoch()) [[unlikely]] {
    if (!find_ring(thread, page)) return leave_kernel(cpu);
  }
  if ((page.rsi | page.rdx) >= 2 * kRingEntriesMax) [[unlikely]] {
    page.rax = static_cast<u64>(raw(Error::kInvalidArgument));
    return leave_kernel(cpu);
  }
  begin_enter(cpu);
  const i64 entered = known.ring->enter(thread, static_cast<u32>(page.rsi), static_cast<u32>(page.rdx), page.r10);
  if (entered == Ring::kWaits) [[likely]]
    return switch_away_inline(cpu);
  page.rax = static_cast<u64>(entered);
  end_enter(cpu);
  return leave_kernel(cpu);
}

Thread* Ring::ready_waiter() {
  if (waiter_ == nullptr || (overflow_first_ == nullptr && queues_.available() < wanted_)) return nullptr;
  return std::exchange(waiter_, nullptr);
}

bool Ring::add(const Completion& completion, PendingOperation& spare) {
  if (overflow_first_ == nullptr && !queues_.full()) [[likely]] {
    queues_.put(completion);
    return false;
  }
  HATI_ASSERT(!spare.in_overflow());
  if (spare.keeper_ != nullptr) spare.keeper_->ref();
  spare.completion_ = completion;
  spare.next_overflow_ = nullptr;
  spare.in_overflow_.store(true, std::memory_order_relaxed);
  (overflow_last_ != nullptr ? overflow_last_->next_overflow_ : overflow_first_) = &spare;
  overflow_last_ = &spare;
  overflowing_.store(true, std::memory_order_relaxed);
  return true;
}

bool Ring::complete(const Completion& completion, PendingOperation& spare) {
  Thread* waiter = nullptr;
  bool carried = false;
  {
    Guard guard(lock_);
    if (closed_.load(std::memory_order_relaxed)) return false;
    carried = add(completion, spare);
    waiter = ready_waiter();
  }
  wake_waiter(waiter);
  return carried;
}

Thread* Ring::post_trap_slowly(Thread& thread, u64 user_data, i64 trap, u64 detail) {
  detach_current();  // whoever sees the completion finds all registers in the page
  if (closed_.load(std::memory_order_relaxed)) return nullptr;
  add({user_data, trap, {detail, 0}}, thread.overflow);
  return ready_waiter();
}

bool Ring::add_slowly(PendingOperation& spare, i64 result, u64 value0, u64 value1) {
  return add({spare.completion_.user_data, result, {value0, value1}}, spare);
}

void Ring::complete_now(const Submission& submission, i64 result, u64 value0, u64 value1) {
  if (result >= 0 && (submission.flags & kSubmitQuiet) != 0) return;
  complete({submission.user_data, result, {value0, value1}}, spare_);
}

// Moves what found no room into the queue. Carriers are let go outside the lock, but an embedded one can carry again before: as soon as
// nothing overflows another thread may find the queue full with it.
void Ring::flush() {
  for (;;) {
    PendingOperation* carrier = nullptr;
    {
      Guard guard(lock_);
      carrier = overflow_first_;
      if (carrier == nullptr || queues_.full()) return;
      overflow_first_ = carrier->next_overflow_;
      if (overflow_first_ == nullptr) {
        overflow_last_ = nullptr;
        overflowing_.store(false, std::memory_order_relaxed);
      }
      queues_.put(carrier->completion_);
      carrier->in_overflow_.store(false, std::memory_order_release);
    }
    drop_carrier(*carrier);
  }
}

void Ring::drop_carrier(PendingOperation& carrier) {
  Object* keeper = carrier.keeper_;
  carrier.release();
  if (keeper != nullptr) keeper->unref();
}

// Many at once, so that an operation costs a comparison. What was charged stays so until the ring is gone.
Result<> Ring::charge_operations() {
  constexpr u32 kBatch = 64;
  if (operations_charged_.load(std::memory_order_relaxed) >= kOperationsMax) return fail(Error::kNoSpace);
  TRY(quota_->charge(kBatch * sizeof(PendingOperation)));
  operations_charged_.fetch_add(kBatch, std::memory_order_relaxed);
  return {};
}

void Ring::forget_waiter(Thread& thread) {
  Guard guard(lock_);
  if (waiter_ == &thread) waiter_ = nullptr;
}

Result<> Ring::track(PendingOperation& operation, u64 deadline_ns) {
  Guard guard(lock_);
  if (closed_.load(std::memory_order_relaxed)) return fail(Error::kTerminated);
  operation_count_.store(operation_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  operations_.push_back(operation);
  if (deadline_ns != kNever) add_timer(operation, deadline_ns);
  return {};
}

void Ring::untrack(PendingOperation& operation) {
  Guard guard(lock_);
  operation_count_.store(operation_count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  if (operation.RingHook::is_linked()) operation.RingHook::unlink();
}

PendingOperation* Ring::take_first() {
  Guard guard(lock_);
  while (!operations_.empty()) {
    PendingOperation& first = operations_.front();
    operations_.pop_front();
    if (first.claim()) return &first;
  }
  return nullptr;
}

PendingOperation* Ring::take_by_user_data(u64 user_data) {
  Guard guard(lock_);
  for (PendingOperation& operation : operations_)
    if (operation.user_data() == user_data && operation.claim()) return &operation;
  return nullptr;
}

bool Ring::cancel(u64 user_data) {
  PendingOperation* operation = take_by_user_data(user_data);
  if (operation == nullptr) return false;
  operation->finish(Error::kCancelled);
  return true;
}

void Ring::close() {
  Thread* waiter = nullptr;
  {
    Guard guard(lock_);
    if (closed_.exchange(true, std::memory_order_acq_rel)) return;
    waiter = std::exchange(waiter_, nullptr);
  }
  if (waiter != nullptr && waiter->claim_wake()) {
    waiter->page->rax = static_cast<u64>(-static_cast<i64>(Error::kTerminated));
    make_runnable(*waiter);
  }
  while (PendingOperation* operation = take_first()) operation->finish(Error::kCancelled);
  drop_overflow();
  owner_->remove_ring(*this);
}

void Ring::drop_overflow() {
  for (;;) {
    PendingOperation* carrier = nullptr;
    {
      Guard guard(lock_);
      carrier = overflow_first_;
      if (carrier == nullptr) return;
      overflow_first_ = carrier->next_overflow_;
      if (overflow_first_ == nullptr) overflow_last_ = nullptr;
      carrier->in_overflow_.store(false, std::memory_order_release);
    }
    drop_carrier(*carrier);
  }
}

}  // namespace hati
