// SPDX-License-Identifier: MIT
// For host tests: a pager without a process, and waiters without threads. Its "disk" is a function of page number and version.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "kernel/memory/paged_memory.h"
#include "kernel/memory/testing/space.h"

namespace hati::testing {

class ToyPager final : public Object, public PageSource {
 public:
  ToyPager() : Object(ObjectType::kPager) {}
  void work_ready(PagedMemory&) override { ++notified; }
  void forget(PagedMemory&) override { ++forgotten; }
  std::atomic<u32> notified{0}, forgotten{0};

  Ref<PagedMemory> make(u64 pages, u64 key = 7) {
    make_arena();
    return *PagedMemory::create(nullptr, Ref<Object>(*this), *this, pages * kPageSize, key);
  }
  // The next request of the object; count 0 with kPageIn: none.
  static PagedMemory::Request next(PagedMemory& memory) {
    PagedMemory::Request request;
    return memory.take_request(request, [] { return true; }) ? request : PagedMemory::Request{};
  }
  // Answers all requests: fills pages with `fill(page)` in each word.
  template <class F>
  static u32 answer(PagedMemory& memory, F&& fill) {
    u32 pages = 0;
    for (auto request = next(memory); request.count != 0; request = next(memory)) {
      for (u64 i = request.first; i < request.first + request.count; ++i) {
        const u64 word = fill(i);
        (void)memory.write(i * kPageSize, &word, sizeof word, true);  // it may have been truncated away
      }
      (void)finish([&] { return memory.page_in_done(request.first * kPageSize, request.count * kPageSize, 0); });
      pages += request.count;
    }
    return pages;
  }

 private:
  void release_storage() override { delete this; }
};

class ToyWaiter final : public PageWaiter {
 public:
  bool begin_page_wait(Ref<Object> wanted, Spinlock& lock) override {
    if (refuses) return false;
    target = std::move(wanted);
    lock_ = &lock;
    claimed = false;
    told = false;
    return true;
  }
  bool claim_page_wait() override { return !claimed.exchange(true); }
  void end_page_wait(Result<> outcome) override {
    result = outcome;
    target.reset();
    told = true;
  }
  // As a kill: true if it was waiting.
  bool cancel() {
    if (lock_ == nullptr || claimed.exchange(true)) return false;
    {
      Guard guard(*lock_);
      if (is_linked()) unlink();
    }
    target.reset();
    return true;
  }

  std::atomic<bool> claimed{true}, told{false};
  bool refuses = false;
  Result<> result;
  Ref<Object> target;

 private:
  Spinlock* lock_ = nullptr;
};

}  // namespace hati::testing
