// SPDX-License-Identifier: MIT
// Random operation sequences on three spaces and three Memory objects, against a model that knows one word per page. After each
// operation a few
// words are compared, now and then everything, including what the page tables claim about frames. Processors come and go, and take their
// shootdown interrupts late.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <vector>

#include "kernel/memory/object_cache.h"
#include "kernel/memory/testing/space.h"
#include "kernel/memory/zero_frame.h"

namespace hati {
namespace {

using testing::anonymous;
using testing::finish;
using testing::TestSpace;

constexpr u64 kBase = 0x5555'5540'0000 - 0x80'0000;
constexpr u64 kPages = 4096;
constexpr u32 kSpaces = 3, kMemories = 3;

struct ModelPage {
  Protection protection;
  int memory = -1;
  u64 memory_page = 0;
  bool shared = false;
  std::optional<u64> own;
};
struct ModelMemory {
  u64 pages = 0;
  std::map<u64, u64> words;
};
using ModelSpace = std::map<u64, ModelPage>;

class Model : public ::testing::TestWithParam<u32> {
 protected:
  void SetUp() override {
    random_.seed(GetParam());
    testing::be_cpu(0);
    for (auto& space : spaces_) space = TestSpace::make();
    for (u32 i = 0; i < kMemories; ++i) {
      memories_[i] = *Memory::create(nullptr, 256 * kPageSize);
      model_memories_[i].pages = 256;
    }
  }
  void TearDown() override {
    deliver_all();
    for (auto& space : spaces_) space->context.active_cpus = 0;
  }

  u64 pick(u64 limit) { return random_() % limit; }
  struct Range {
    u64 page, count;
  };
  Range range() {
    const u64 page = pick(kPages);
    const u64 most = std::min<u64>(kPages - page, pick(4) != 0 ? 24 : pick(8) != 0 ? 300 : 2000);
    return {page, 1 + pick(most)};
  }
  Protection protection() {
    const Protection choices[] = {Protection::kNone, Protection::kRead, Protection::kRead | Protection::kWrite,
                                  Protection::kRead | Protection::kWrite};
    return choices[pick(4)];
  }

  // --- The model's answers ---
  Result<u64> expected_read(u32 s, u64 page) {
    const auto it = model_[s].find(page);
    if (it == model_[s].end()) return fail(Error::kBadAddress);
    const ModelPage& p = it->second;
    if (p.protection == Protection::kNone) return fail(Error::kAccess);
    if (p.own) return *p.own;
    if (p.memory < 0) return 0;
    return memory_word(p);
  }
  Result<u64> memory_word(const ModelPage& p) {
    const ModelMemory& memory = model_memories_[p.memory];
    if (p.memory_page >= memory.pages) return fail(Error::kBadAddress);
    const auto word = memory.words.find(p.memory_page);
    return word == memory.words.end() ? 0 : word->second;
  }
  Result<> model_write(u32 s, u64 page, u64 value) {
    const auto it = model_[s].find(page);
    if (it == model_[s].end()) return fail(Error::kBadAddress);
    ModelPage& p = it->second;
    if (!has(p.protection, Protection::kWrite)) return fail(Error::kAccess);
    if (p.memory >= 0 && !p.own && p.memory_page >= model_memories_[p.memory].pages) return fail(Error::kBadAddress);
    if (p.shared)
      model_memories_[p.memory].words[p.memory_page] = value;
    else
      p.own = value;
    return {};
  }

  // --- Operations on both ---
  void map(u32 s) {
    const Range r = range();
    MapRequest request = anonymous(kBase + r.page * kPageSize, r.count * kPageSize, MapFlags::kFixed, protection());
    ModelPage page{.protection = request.protection};
    Ref<Memory> memory;
    if (pick(3) == 0) {
      page.memory = static_cast<int>(pick(kMemories));
      page.memory_page = pick(64);
      page.shared = pick(2) != 0;
      memory = memories_[page.memory];
      request.offset = page.memory_page * kPageSize;
      if (page.shared) request.flags |= MapFlags::kShared;
    } else if (pick(8) == 0) {
      request.flags |= MapFlags::kPopulate;
    }
    ASSERT_TRUE(finish([&] { return spaces_[s]->map(request, memory); }));
    for (u64 i = 0; i < r.count; ++i) {
      model_[s][r.page + i] = page;
      if (page.memory >= 0) ++page.memory_page;
    }
  }
  void unmap(u32 s) {
    const Range r = range();
    ASSERT_TRUE(finish([&] { return spaces_[s]->unmap(kBase + r.page * kPageSize, r.count * kPageSize); }));
    model_[s].erase(model_[s].lower_bound(r.page), model_[s].lower_bound(r.page + r.count));
  }
  void protect(u32 s) {
    const Range r = range();
    const Protection wanted = protection();
    const auto result = finish([&] { return spaces_[s]->protect(kBase + r.page * kPageSize, r.count * kPageSize, wanted); });
    for (u64 page = r.page; page < r.page + r.count; ++page) {
      const auto it = model_[s].find(page);
      if (it == model_[s].end()) {
        ASSERT_EQ(result.error(), Error::kBadAddress);
        return;
      }
      it->second.protection = wanted;
    }
    ASSERT_TRUE(result);
  }
  void discard(u32 s) {
    const Range r = range();
    const auto result = finish([&] { return spaces_[s]->discard(kBase + r.page * kPageSize, r.count * kPageSize); });
    bool hole = false;
    for (u64 page = r.page; page < r.page + r.count; ++page) {
      const auto it = model_[s].find(page);
      if (it == model_[s].end())
        hole = true;
      else
        it->second.own.reset();
    }
    ASSERT_EQ(result.has_value(), !hole);
  }
  void write(u32 s) {
    Range r = range();
    if (pick(2) != 0) r.count = 1;
    for (u64 page = r.page; page < r.page + r.count; ++page) {
      const u64 value = random_();
      const auto expected = model_write(s, page, value);
      const auto result = spaces_[s]->write<u64>(address(s, page), value);
      ASSERT_EQ(result.has_value(), expected.has_value()) << page;
      if (!result) {
        ASSERT_EQ(result.error(), expected.error());
      }
    }
  }
  // Where the page's word lies: for pages of Memory objects the same place in the object's page, whoever looks.
  u64 address(u32 s, u64 page) {
    const auto it = model_[s].find(page);
    const u64 number = it != model_[s].end() && it->second.memory >= 0 ? it->second.memory_page : 0;
    return kBase + page * kPageSize + 8 * (number % 512);
  }
  void move(u32 s) {
    const Range r = range();
    const u64 to = pick(kPages - r.count);
    if (to < r.page + r.count && r.page < to + r.count) return;
    const MoveRequest request{.address = kBase + r.page * kPageSize,
                              .old_bytes = r.count * kPageSize,
                              .new_bytes = r.count * kPageSize,
                              .new_address = kBase + to * kPageSize,
                              .flags = MapFlags::kFixed,
                              .may_move = 1,
                              .keep_old = 0,
                              .reserved = 0};
    if (!finish([&] { return spaces_[s]->move(request); })) return;  // not one mapping: nothing has changed
    std::map<u64, ModelPage> moved;
    for (u64 i = 0; i < r.count; ++i) {
      ASSERT_TRUE(model_[s].contains(r.page + i));
      moved[to + i] = model_[s][r.page + i];
    }
    model_[s].erase(model_[s].lower_bound(r.page), model_[s].lower_bound(r.page + r.count));
    for (auto& [page, p] : moved) model_[s][page] = p;
  }
  void clone(u32 s) {
    const u32 t = (s + 1 + pick(kSpaces - 1)) % kSpaces;
    ASSERT_TRUE(finish([&] { return spaces_[t]->clear(); }));
    ASSERT_EQ(spaces_[t]->info().private_bytes, 0u);
    ASSERT_EQ(spaces_[t]->info().page_table_bytes, kPageSize);
    ASSERT_TRUE(finish([&] { return spaces_[s]->clone_into(*spaces_[t]); }));
    model_[t] = model_[s];
  }
  void resize() {
    const u32 m = pick(kMemories);
    const u64 pages = pick(400);
    ASSERT_TRUE(finish([&] { return memories_[m]->resize(pages * kPageSize); }));
    ModelMemory& memory = model_memories_[m];
    const bool shrunk = pages < memory.pages;
    memory.pages = pages;
    memory.words.erase(memory.words.lower_bound(pages), memory.words.end());
    if (!shrunk) return;
    for (auto& space : model_)
      for (auto& [page, p] : space)
        if (p.memory == static_cast<int>(m) && p.memory_page >= pages) p.own.reset();
  }
  void punch() {
    const u32 m = pick(kMemories);
    const u64 first = pick(400), count = 1 + pick(50);
    ASSERT_TRUE(finish([&] { return memories_[m]->discard(first * kPageSize, count * kPageSize); }));
    auto& words = model_memories_[m].words;
    words.erase(words.lower_bound(first), words.lower_bound(first + count));
  }

  // --- Processors ---
  void shuffle_cpus() {
    for (auto& space : spaces_) space->context.active_cpus = pick(16);
    testing::be_cpu(pick(4));
  }
  void deliver(u32 cpu) {
    if (testing::machine.ipis[cpu] == 0) return;
    testing::machine.ipis[cpu] = 0;
    const u32 before = this_cpu().id;
    testing::be_cpu(cpu);
    shootdown.on_interrupt();
    testing::be_cpu(before);
  }
  void deliver_all() {
    for (u32 cpu = 0; cpu < 4; ++cpu) deliver(cpu);
    for (auto& space : spaces_) ASSERT_FALSE(space->flush_pending());
  }

  void compare(u32 s, u64 page) {
    const auto expected = expected_read(s, page);
    const auto result = spaces_[s]->read<u64>(address(s, page));
    ASSERT_EQ(result.has_value(), expected.has_value()) << "space " << s << " page " << page;
    if (result)
      ASSERT_EQ(*result, *expected) << "space " << s << " page " << page;
    else
      ASSERT_EQ(result.error(), expected.error());
  }
  void compare_all() {
    for (u32 s = 0; s < kSpaces; ++s) {
      for (u64 page = 0; page < kPages; ++page) compare(s, page);
      check_mappings(s);
    }
  }
  // query() covers exactly what the model has, and resident counts add up.
  void check_mappings(u32 s) {
    u64 pages = 0, privates = 0, resident = 0;
    for (u64 at = 0;;) {
      const auto info = spaces_[s]->query(at);
      if (!info) break;
      pages += info->bytes / kPageSize;
      privates += info->private_bytes;
      resident += info->resident_bytes;
      at = info->address + info->bytes;
    }
    ASSERT_EQ(pages, model_[s].size());
    const SpaceInfo info = spaces_[s]->info();
    ASSERT_EQ(info.virtual_bytes, pages * kPageSize);
    ASSERT_EQ(info.private_bytes, privates);
    ASSERT_EQ(info.resident_bytes, resident);
  }

  void step() {
    const u32 s = pick(kSpaces);
    last_ = pick(24);
    switch (last_) {
      case 0:
      case 1:
      case 2:
      case 3: return map(s);
      case 4:
      case 5: return unmap(s);
      case 6:
      case 7: return protect(s);
      case 8: return discard(s);
      case 9:
      case 10: return move(s);
      case 11: return pick(4) == 0 ? clone(s) : void();
      case 12: return pick(3) == 0 ? resize() : void();
      case 13: return punch();
      case 14: return shuffle_cpus();
      case 15: return deliver(pick(4));
      default: return write(s);
    }
  }

  std::mt19937_64 random_;
  u64 last_ = 0;
  std::array<Ref<TestSpace>, kSpaces> spaces_;
  std::array<Ref<Memory>, kMemories> memories_;
  std::array<ModelSpace, kSpaces> model_;
  std::array<ModelMemory, kMemories> model_memories_;
};

TEST_P(Model, Agrees) {
  for (u32 round = 0; round < 3000; ++round) {
    step();
    ASSERT_FALSE(HasFatalFailure()) << "round " << round;
    for (u32 i = 0; i < 8; ++i) compare(pick(kSpaces), pick(kPages));
    if (round % 250 == 249) compare_all();
    ASSERT_FALSE(HasFatalFailure()) << "round " << round << " operation " << last_;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, ::testing::Range(1u, 9u));

// Whatever happened, nothing is lost: after everything is gone, all frames are free, but for slabs and ready root tables.
TEST(ModelEnd, NothingLeaks) {
  testing::make_arena();
  const auto used = [] { return kPageSize * ((frames.total_bytes() - frames.free_bytes() - SlabCache::total_bytes()) >> kPageShift); };
  const u64 before = used();
  for (u32 round = 0; round < 20; ++round) {
    const auto memory = *Memory::create(nullptr, 100 * kPageSize);
    const auto space = TestSpace::make(), child = TestSpace::make();
    ASSERT_TRUE(space->map(anonymous(kBase, kPages * kPageSize, MapFlags::kFixed | MapFlags::kPopulate)));
    MapRequest request = anonymous(kBase + 77 * kPageSize, 100 * kPageSize, MapFlags::kFixed | MapFlags::kShared | MapFlags::kPopulate);
    ASSERT_TRUE(finish([&] { return space->map(request, memory); }));
    ASSERT_TRUE(finish([&] { return space->clone_into(*child); }));
    for (u64 page = 0; page < kPages; page += 3) ASSERT_TRUE(child->write<u64>(kBase + page * kPageSize, page));
  }
  EXPECT_LE(used(), before + 16 * kPageSize);
}

}  // namespace
}  // namespace hati
