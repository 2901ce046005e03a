// SPDX-License-Identifier: MIT
// Paged memory from all sides at once, each host thread playing a processor: clients that write through a mapping and by copies, a pager that
// fills and cleans, and one that reclaims, truncates and punches holes. What a client wrote it reads again, however often its page has been
// on the "disk" meanwhile. In the end the pager dies.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "kernel/memory/testing/toy_pager.h"

#if __has_feature(thread_sanitizer)
// Of the sanitizer's runtime; declared in no header of it.
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
#endif

namespace hati {
namespace {

using testing::anonymous;
using testing::TestSpace;
using testing::ToyPager;
using testing::ToyWaiter;
using Bring = PagedMemory::Bring;

constexpr u64 kBase = 0x7000'0000;
constexpr u64 kStable = 96;   // pages that stay in the object
constexpr u64 kPages = 192;   // the others come and go
constexpr u32 kClients = 2;
constexpr u32 kRounds = 2500;
constexpr u64 tag(u64 page) { return page << 48; }

void take_interrupt() {
  if (testing::machine.ipis[this_cpu().id].exchange(0) != 0) shootdown.on_interrupt();
}

template <class F>
auto finish(F&& call) {
  for (;;) {
    auto result = call();
    if (result || result.error() != kRestart) return result;
    take_interrupt();
  }
}

struct World {
  Ref<ToyPager> pager = Ref<ToyPager>::adopt(new ToyPager);
  Ref<PagedMemory> memory = pager->make(kPages);
  Ref<TestSpace> space = TestSpace::make();
  std::array<std::atomic<u64>, kPages> disk{};
  std::atomic<u32> clients{kClients};
  std::atomic<u32> working{kClients + 2};
  std::atomic<bool> dead{false};
  std::atomic<u64> page_ins{0}, cleaned{0}, reclaimed{0};

  // How much of each happens in a round is the scheduler's choice; the clients go on until there was some of all.
  bool saw_everything() const { return page_ins > 100 && cleaned > 10 && reclaimed > 0; }
  bool goes_on(u32 round) const { return round < kRounds || (!saw_everything() && std::chrono::steady_clock::now() < deadline); }
  // Whoever is done answers interrupts until all are: the others wait for it to flush.
  void stay_until_all_are_done() {
    --working;
    while (working != 0) take_interrupt();
  }

 private:
  const std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
};

// A program may write to a page while the pager reads it: the page is dirty again then, whatever the pager saw. Not a race to report.
class IgnoreRaces {
 public:
#if __has_feature(thread_sanitizer)
  IgnoreRaces() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~IgnoreRaces() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
#else
  IgnoreRaces() {}
  ~IgnoreRaces() {}
#endif
  IgnoreRaces(const IgnoreRaces&) = delete;
};

// Waits for what `again` found missing. False: the pager is gone.
bool wait_for(World& world, u64 page, bool write, bool mapped, std::mt19937_64& random) {
  ToyWaiter waiter;
  const auto access = write ? PagedMemory::Access::kWrite : PagedMemory::Access::kFault;
  const auto asked = mapped ? world.space->wait_for_page(kBase + page * kPageSize, 1, access, &waiter) : world.memory->bring(page, 1, access, &waiter);
  if (!asked) {
    EXPECT_EQ(asked.error(), Error::kPeerClosed);
    return false;
  }
  if (*asked == Bring::kReady) return true;
  for (u32 spins = 0; !waiter.told; ++spins) {
    take_interrupt();
    if (spins % 64 == 63 && random() % 16 == 0 && waiter.cancel()) return true;  // a signal came
    std::this_thread::yield();
  }
  return waiter.result || waiter.result.error() != Error::kPeerClosed;
}

// One access, tried until it succeeds.
template <class F>
bool access(World& world, u64 page, bool write, bool mapped, std::mt19937_64& random, F&& attempt) {
  for (;;) {
    const Result<u64> done = attempt();
    if (done) return *done != 0;
    if (done.error() == Error::kBadAddress) return false;  // truncated
    EXPECT_EQ(done.error(), Error::kNotResident);
    if (!wait_for(world, page, write, mapped, random)) return false;
  }
}

// `at`: which word of the page.
bool put(World& world, u64 page, u64 at, u64 word, bool mapped, std::mt19937_64& random) {
  const u64 offset = page * kPageSize + at * sizeof word;
  return access(world, page, true, mapped, random, [&]() -> Result<u64> {
    if (!mapped) return world.memory->write(offset, &word, sizeof word);
    TRY(world.space->write<u64>(kBase + offset, word));
    return 1;
  });
}

bool get(World& world, u64 page, u64 at, u64& word, bool mapped, std::mt19937_64& random) {
  const u64 offset = page * kPageSize + at * sizeof word;
  return access(world, page, false, mapped, random, [&]() -> Result<u64> {
    if (!mapped) return world.memory->read(offset, &word, sizeof word);
    word = TRY(world.space->read<u64>(kBase + offset));
    return 1;
  });
}

void client(World& world, u32 number) {
  testing::be_cpu(number);
  std::mt19937_64 random(number);
  std::array<u64, kStable> written{};
  for (u32 round = 0; world.goes_on(round) && !world.dead; ++round) {
    take_interrupt();
    if (round >= kRounds) std::this_thread::yield();
    const u64 page = random() % kPages;
    const bool mapped = random() % 2 == 0;
    if (page >= kStable) {
      // Each client has a word of its own: two that write one at the same time would be a race of theirs.
      u64 word = tag(page);
      if (random() % 2 == 0)
        (void)put(world, page, number, tag(page) | 1, mapped, random);
      else if (get(world, page, number, word, mapped, random) && word != 0)
        ASSERT_EQ(word >> 48, page);
    } else if (page % kClients == number) {
      u64 word = 0;
      if (!get(world, page, 0, word, mapped, random)) break;
      ASSERT_EQ(word, written[page]) << page;
      if (!put(world, page, 0, tag(page) | round | 1, random() % 2 == 0, random)) break;
      written[page] = tag(page) | round | 1;
    }
  }
  --world.clients;
  world.stay_until_all_are_done();
}

void serve(World& world, std::mt19937_64& random) {
  take_interrupt();
  world.page_ins += ToyPager::answer(*world.memory, [&](u64 page) { return world.disk[page].load(); });
  if (random() % 4 != 0) return;
  const auto range = finish([&] { return world.memory->take_dirty(0); });
  if (!range) return;
  const bool fails = random() % 16 == 0;
  for (u64 at = range->offset; !fails && at < range->offset + range->bytes; at += kPageSize) {
    u64 word = 0;
    const IgnoreRaces ignore;
    if (world.memory->read(at, &word, sizeof word, true)) world.disk[at >> kPageShift] = word;
  }
  ASSERT_TRUE(world.memory->cleaned(range->offset, range->bytes, fails ? static_cast<u32>(Error::kIo) : 0));
  ++world.cleaned;
}

void pager(World& world) {
  testing::be_cpu(kClients);
  std::mt19937_64 random(77);
  while (world.clients == kClients) serve(world, random);
  world.dead = true;
  ASSERT_TRUE(finish([&] { return world.memory->pager_died(); }));
  world.stay_until_all_are_done();
}

void trouble(World& world) {
  testing::be_cpu(kClients + 1);
  std::mt19937_64 random(99);
  while (world.clients != 0) {
    take_interrupt();
    switch (random() % 6) {
      case 0: ASSERT_TRUE(finish([&] { return world.memory->resize((kStable + random() % (kPages - kStable + 1)) * kPageSize); })); break;
      case 1: {
        const u64 first = kStable + random() % (kPages - kStable);
        ASSERT_TRUE(finish([&] { return world.memory->discard(first * kPageSize, random() % 8 * kPageSize); }));
        break;
      }
      case 2: ASSERT_TRUE(finish([&] { return world.memory->advise(MemoryAdvice::kDontNeed, 0, kPages * kPageSize); })); break;
      case 3: {
        const auto child = TestSpace::make();
        ASSERT_TRUE(finish([&] { return world.space->clone_into(*child); }));
        break;
      }
      default: world.reclaimed += page_cache.reclaim_piece();
    }
  }
  world.stay_until_all_are_done();
}

TEST(PagedThreads, NothingThatWasWrittenIsLost) {
  testing::be_cpu(0);
  World world;
  ASSERT_TRUE(world.space->map(anonymous(kBase, kPages * kPageSize, MapFlags::kFixed | MapFlags::kShared), world.memory));
  world.space->context.active_cpus = (1 << (kClients + 2)) - 1;
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kClients; ++i) threads.emplace_back([&, i] { client(world, i); });
  threads.emplace_back([&] { pager(world); });
  threads.emplace_back([&] { trouble(world); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(world.page_ins, 100u);
  EXPECT_GT(world.cleaned, 10u);
  EXPECT_GT(world.reclaimed, 0u);
  for (u32 i = 0; i < kClients + 2; ++i) {
    testing::be_cpu(i);
    take_interrupt();
  }
  world.space->context.active_cpus = 0;
}

}  // namespace
}  // namespace hati
