// SPDX-License-Identifier: MIT
#include "kernel/ipc/pager.h"

#include "abi/call.h"
#include "kernel/ipc/operations.h"
#include "kernel/memory/object_cache.h"
#include "kernel/thread/process.h"

namespace hati {

namespace {
constinit ObjectCache<Pager> pager_cache;
}

Result<Ref<Pager>> Pager::create() { return pager_cache.make(); }

void Pager::release_storage() { pager_cache.destroy(this); }

Result<> Pager::adopt(PagedMemory& memory) {
  Guard guard(lock_);
  if (dead_) return fail(Error::kPeerClosed);
  objects_.push_back(memory);
  return {};
}

void Pager::forget(PagedMemory& memory) {
  Guard guard(lock_);
  if (memory.PagerHook::is_linked()) memory.PagerHook::unlink();
  if (memory.PagerQueueHook::is_linked()) memory.PagerQueueHook::unlink();
}

void Pager::work_ready(PagedMemory& memory) {
  {
    Guard guard(lock_);
    if (dead_) return;
    if (!memory.PagerQueueHook::is_linked()) queue_.push_back(memory);
  }
  serve();
}

// Requests and waiting operations meet. Objects take turns.
void Pager::serve() {
  for (;;) {
    Ref<PagedMemory> memory;  // let go of without the lock
    PendingOperation* operation = nullptr;
    PagedMemory::Request request;
    {
      Guard guard(lock_);
      if (queue_.empty() || waiters_.empty()) return;
      PagedMemory& first = queue_.front();
      queue_.pop_front();
      if (!first.try_ref()) continue;
      memory = Ref<PagedMemory>::adopt(&first);
      const auto accept = [&]() HATI_NO_THREAD_SAFETY_ANALYSIS { return (operation = claim_first(waiters_)) != nullptr; };
      (void)memory->take_request(request, accept);
      if (memory->has_request()) queue_.push_back(first);
    }
    if (operation != nullptr) operation->finish(static_cast<i64>(request.kind), memory->key(), request.first | u64{request.count} << 48);
  }
}

Result<> Pager::wait(PendingOperation& operation) {
  {
    Guard guard(lock_);
    if (dead_) {
      operation.discard();
      return fail(Error::kTerminated);
    }
    operation.target = Ref<Object>(*this);
    operation.target_lock = &lock_;
    TRY(operation.track());
    waiters_.push_back(operation);
  }
  serve();
  return {};
}

void Pager::on_last_handle() {
  {
    Guard guard(lock_);
    if (std::exchange(dead_, true)) return;
  }
  ref();  // until everybody has been told
  defer(*this);
}

PendingOperation* Pager::take_waiter() {
  Guard guard(lock_);
  return claim_first(waiters_);
}

Ref<PagedMemory> Pager::next_to_tell() {
  Guard guard(lock_);
  while (!objects_.empty()) {
    PagedMemory& memory = objects_.front();
    told_.splice(told_.end(), objects_, objects_.begin());
    if (memory.try_ref()) return Ref<PagedMemory>::adopt(&memory);
  }
  return nullptr;
}

bool Pager::run_deferred() {
  while (PendingOperation* operation = take_waiter()) operation->finish(Error::kTerminated);
  if (!telling_) telling_ = next_to_tell();
  if (!telling_) {
    unref();
    return true;
  }
  if (telling_->pager_died()) telling_.reset();
  return false;
}

Result<> start_pager_wait(Ring& ring, Thread& thread, const Submission& submission) {
  const Ref<Pager> pager = TRY(thread.process().handles().get<Pager>(submission.handle, Rights::kWait));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  return pager->wait(*operation);
}

namespace {

struct PageTarget {
  Ref<AddressSpace> space;
  Ref<Memory> memory;
};

Result<PageTarget> page_target(Thread& thread, Handle handle, bool write) {
  if (handle == kOwnSpace) return PageTarget{.space = Ref<AddressSpace>(thread.process()), .memory = nullptr};
  auto entry = TRY(thread.process().handles().get_any(handle, Rights::kNone));
  const bool is_space = entry.object->type() == ObjectType::kAddressSpace;
  if (!is_space && entry.object->type() != ObjectType::kMemory) return fail(Error::kWrongType);
  if (!has(entry.rights, is_space ? Rights::kManage : write ? Rights::kWrite : Rights::kRead)) return fail(Error::kNoRight);
  PageTarget target;
  if (is_space)
    target.space = Ref<AddressSpace>::adopt(static_cast<AddressSpace*>(entry.object.release()));
  else
    target.memory = Ref<Memory>::adopt(static_cast<Memory*>(entry.object.release()));
  return target;
}

Result<PagedMemory::Bring> bring(PageTarget& target, u64 address, u64 bytes, bool write, PendingOperation& operation) {
  const auto access = write ? PagedMemory::Access::kWrite : PagedMemory::Access::kRead;
  if (target.space) return target.space->wait_for_page(address, bytes, access, &operation);
  PagedMemory* memory = target.memory->paged();
  if (memory == nullptr || address > Memory::kBytesMax) return PagedMemory::Bring::kReady;
  const u64 count = page_ceil(address % kPageSize + std::min(bytes, AddressSpace::kCopyBytesMax)) >> kPageShift;
  return memory->bring(address >> kPageShift, count, access, &operation);
}

// Without memory the operation waits until pages have been cleaned, if that may help.
Result<PagedMemory::Bring> relieve(PendingOperation& operation) {
  switch (page_cache.relieve(operation)) {
    case PageCache::Relief::kRetry: return PagedMemory::Bring::kReady;
    case PageCache::Relief::kWaits: return PagedMemory::Bring::kWaits;
    case PageCache::Relief::kGone: return PagedMemory::Bring::kGone;
    case PageCache::Relief::kNone: break;
  }
  return fail(Error::kNoMemory);
}

}  // namespace

Result<> start_page_in(Ring& ring, Thread& thread, const Submission& submission) {
  const u64 address = submission.args[0], bytes = submission.args[1];
  if (bytes == 0 || submission.args[2] > 1) return fail(Error::kInvalidArgument);
  PageTarget target = TRY(page_target(thread, submission.handle, submission.args[2] != 0));
  PendingOperation* operation = TRY(PendingOperation::make(ring, submission));
  auto asked = bring(target, address, bytes, submission.args[2] != 0, *operation);
  if (!asked && asked.error() == Error::kNoMemory && frames.low()) asked = relieve(*operation);
  if (!asked) {
    operation->discard();
    return fail(asked.error());
  }
  switch (*asked) {
    case PagedMemory::Bring::kReady: operation->finish_untracked(0); return {};
    case PagedMemory::Bring::kWaits: return {};
    case PagedMemory::Bring::kGone: return fail(Error::kTerminated);
  }
  return {};
}

}  // namespace hati
