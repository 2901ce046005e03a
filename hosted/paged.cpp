// SPDX-License-Identifier: MIT
// Paged memory of the in-process kernel: pages in host memory with a state each, no read-ahead, no reclaim but what a test asks for. Mappings
// of paged memory do not exist here: clients copy.
#include <algorithm>
#include <cstring>

#include "hosted/kernel.h"

namespace hati::hosted {

namespace {

constexpr u8 kPresent = 1, kBusy = 2, kDirty = 4, kCleaning = 8;
constexpr u64 kWindowMax = 64;

u64 page_count(const MemoryObject& memory) { return memory.bytes >> kPageShift; }

void serve(PagerObject& pager) {
  while (!pager.requests.empty() && !pager.waiters.empty()) {
    const PendingPtr waiter = pager.waiters.front();
    pager.waiters.pop_front();
    if (waiter->done) continue;
    const PagerObject::Request request = pager.requests.front();
    pager.requests.pop_front();
    complete(*waiter, static_cast<i64>(request.kind), request.key, request.first | request.count << 48);
  }
}

void ask(Paged& paged, PagerRequest kind, u64 first, u64 count) {
  const auto pager = paged.pager.lock();
  if (!pager) return;
  pager->requests.push_back({kind, paged.key, first, count});
  serve(*pager);
}

// Tells those who wait for pages of [first, end): all of them with an error, else those whose pages are not busy any more.
void tell(Paged& paged, u64 first, u64 end, i64 result) {
  for (usize i = 0; i < paged.waiters.size();) {
    const Paged::Waiter waiter = paged.waiters[i];
    const auto busy = [&](u64 page) { return page < paged.state.size() && (paged.state[page] & kBusy) != 0; };
    bool ready = waiter.end > first && waiter.first < end;
    for (u64 page = waiter.first; ready && result == 0 && page < waiter.end; ++page) ready = !busy(page);
    if (!ready && !waiter.operation->done) {
      ++i;
      continue;
    }
    paged.waiters.erase(paged.waiters.begin() + static_cast<std::ptrdiff_t>(i));
    complete(*waiter.operation, result);
  }
}

void drop(MemoryObject& memory, u64 first, u64 end) {
  Paged& paged = *memory.paged;
  end = std::min<u64>(end, paged.state.size());
  for (u64 page = first; page < end; ++page) {
    paged.state[page] = 0;
    std::memset(static_cast<std::byte*>(memory.data) + page * kPageSize, 0, kPageSize);
  }
}

Result<std::shared_ptr<MemoryObject>> get_paged(Handle handle) {
  auto memory = TRY(kernel().get<MemoryObject>(handle, Rights::kManage));
  if (!memory->paged) return fail(Error::kNotSupported);
  return memory;
}

// Pages of [offset, offset + bytes) as far as they exist.
std::pair<u64, u64> pages_of(const MemoryObject& memory, u64 offset, u64 bytes) {
  const u64 last = page_count(memory);
  return {std::min(offset >> kPageShift, last), std::min((offset + bytes) >> kPageShift, last)};
}

void drop_clean(MemoryObject& memory, u64 first, u64 end) {
  for (u64 page = first; page < std::min(end, page_count(memory)); ++page)
    if (memory.paged->state[page] == kPresent && memory.pins.empty()) drop(memory, page, page + 1);
}

}  // namespace

void PagerObject::on_last_handle() {
  for (const PendingPtr& waiter : std::exchange(waiters, {}))
    if (!waiter->done) complete(*waiter, -static_cast<i64>(Error::kTerminated));
  for (const auto& weak : memories) {
    const auto memory = weak.lock();
    if (!memory) continue;
    memory->paged->pager.reset();
    for (u64 page = 0; page < memory->paged->state.size(); ++page)
      if ((memory->paged->state[page] & kBusy) != 0) drop(*memory, page, page + 1);
    tell(*memory->paged, 0, ~u64{0}, -static_cast<i64>(Error::kPeerClosed));
  }
}

Result<u64> create_paged(const PagedMemoryRequest& request, std::shared_ptr<MemoryObject> memory) {
  const auto pager = TRY(kernel().get<PagerObject>(request.pager, Rights::kManage));
  memory->paged = std::make_unique<Paged>();
  memory->paged->pager = pager;
  memory->paged->key = request.key;
  memory->paged->state.resize(page_count(*memory));
  pager->memories.push_back(memory);
  return kernel().insert(memory);
}

void paged_resized(MemoryObject& memory) {
  const u64 before = memory.paged->state.size(), after = page_count(memory);
  memory.paged->state.resize(after);
  if (after < before) tell(*memory.paged, after, before, 0);
}

void paged_discarded(MemoryObject& memory, u64 offset, u64 bytes) {
  drop(memory, offset >> kPageShift, (offset + bytes) >> kPageShift);
  tell(*memory.paged, offset >> kPageShift, (offset + bytes) >> kPageShift, 0);
}

// How many of `bytes` at `at` can be copied now; writes of clients make pages dirty.
Result<u64> paged_reach(MemoryObject& memory, u64 at, u64 bytes, bool write, bool pager) {
  const u64 first = at >> kPageShift;
  u64 page = first;
  for (; page << kPageShift < at + bytes; ++page) {
    u8& state = memory.paged->state[page];
    if ((state & (pager ? kPresent | kBusy : kPresent)) == 0) break;
    if (write && !pager) state |= kDirty;
  }
  if (page == first) return fail(Error::kNotResident);
  return std::min(bytes, (page << kPageShift) - at);
}

void page_in(const std::shared_ptr<MemoryObject>& memory, const PendingPtr& operation) {
  const u64 address = operation->submission.args[0], bytes = operation->submission.args[1];
  Paged* paged = memory->paged.get();
  if (paged == nullptr || address >= memory->bytes) return complete(*operation, 0);
  u64 first = address >> kPageShift;
  const u64 end = std::min({first + kWindowMax, page_count(*memory), (address + std::min(bytes, memory->bytes - address) + kPageSize - 1) >> kPageShift});
  while (first < end && (paged->state[first] & kPresent) != 0) ++first;
  if (first == end) return complete(*operation, 0);
  if (paged->pager.expired()) return complete(*operation, -static_cast<i64>(Error::kPeerClosed));
  const PagerRequest kind = operation->submission.args[2] != 0 ? PagerRequest::kPageInWrite : PagerRequest::kPageIn;
  paged->waiters.push_back({operation, first, end});
  for (u64 page = first; page < end;) {
    u64 stop = page;
    for (; stop < end && paged->state[stop] == 0; ++stop) paged->state[stop] = kBusy;
    if (stop != page) ask(*paged, kind, page, stop - page);
    page = std::max(stop, page + 1);
  }
}

void pager_wait(const std::shared_ptr<PagerObject>& pager, const PendingPtr& operation) {
  pager->waiters.push_back(operation);
  serve(*pager);
}

Result<void> page_in_done(Handle handle, u64 offset, u64 bytes, u64 error) {
  const auto memory = TRY(get_paged(handle));
  if (!page_aligned(offset) || !page_aligned(bytes)) return fail(Error::kInvalidArgument);
  const auto [first, end] = pages_of(*memory, offset, bytes);
  for (u64 page = first; page < end; ++page) {
    u8& state = memory->paged->state[page];
    if ((state & kBusy) == 0) continue;
    if (error != 0)
      drop(*memory, page, page + 1);
    else
      state = kPresent;
  }
  tell(*memory->paged, first, end, -static_cast<i64>(error));
  return {};
}

Result<void> take_dirty(Handle handle, u64 from, DirtyRange& range) {
  const auto memory = TRY(get_paged(handle));
  auto& state = memory->paged->state;
  const auto free_to_take = [&](u64 page) { return (state[page] & (kDirty | kCleaning)) == kDirty; };
  bool cleaning = false;
  u64 page = from >> kPageShift;
  for (; page < state.size() && !free_to_take(page); ++page) cleaning = cleaning || (state[page] & (kDirty | kCleaning)) == (kDirty | kCleaning);
  if (page >= state.size()) return fail(cleaning ? Error::kBusy : Error::kNotFound);
  range = {page << kPageShift, 0};
  for (; page < state.size() && range.bytes < kDirtyBytesMax && free_to_take(page); ++page, range.bytes += kPageSize)
    state[page] = kPresent | kCleaning;
  return {};
}

Result<void> cleaned(Handle handle, u64 offset, u64 bytes, u64 error) {
  const auto memory = TRY(get_paged(handle));
  const auto [first, end] = pages_of(*memory, offset, bytes);
  bool failed = false;
  for (u64 page = first; page < end; ++page) {
    u8& state = memory->paged->state[page];
    if ((state & kCleaning) == 0) continue;
    state &= static_cast<u8>(~kCleaning);
    if (error != 0) state |= kDirty;
    failed = failed || error != 0;
  }
  if (failed) {
    memory->paged->write_error = static_cast<u32>(error);
    ++memory->paged->write_errors;
  }
  return {};
}

void paged_info(const MemoryObject& memory, MemoryInfo& info) {
  info.resident_bytes = 0;
  for (const u8 state : memory.paged->state) {
    info.resident_bytes += state != 0 ? kPageSize : 0;
    info.dirty_bytes += (state & kDirty) != 0 ? kPageSize : 0;
    info.cleaning_bytes += (state & kCleaning) != 0 ? kPageSize : 0;
  }
  info.write_error = memory.paged->write_error;
  info.write_errors = memory.paged->write_errors;
}

Result<void> advise(MemoryObject& memory, MemoryAdvice advice, u64 offset, u64 bytes) {
  if (advice > MemoryAdvice::kDontNeed) return fail(Error::kInvalidArgument);
  if (memory.paged && advice == MemoryAdvice::kDontNeed) drop_clean(memory, offset >> kPageShift, (offset + bytes) >> kPageShift);
  return {};
}

namespace {

template <class F>
void for_all_paged(F&& act) {
  std::lock_guard guard(kernel().mutex);
  std::vector<std::shared_ptr<MemoryObject>> found;
  for (const auto& [handle, entry] : kernel().table)
    if (auto memory = std::dynamic_pointer_cast<MemoryObject>(entry.object); memory && memory->paged && std::ranges::find(found, memory) == found.end())
      found.push_back(memory);
  for (const auto& memory : found) act(*memory);
}

}  // namespace

void evict_clean_pages() {
  for_all_paged([](MemoryObject& memory) { drop_clean(memory, 0, page_count(memory)); });
}

void hint_write_back() {
  for_all_paged([](MemoryObject& memory) {
    if (std::ranges::any_of(memory.paged->state, [](u8 state) { return (state & kDirty) != 0; })) ask(*memory.paged, PagerRequest::kWriteBack, 0, 0);
  });
}

}  // namespace hati::hosted
