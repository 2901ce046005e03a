// SPDX-License-Identifier: MIT
// The vDSO's image on the host: mapped behind pages that the test fills, and called through its symbol table.
#include <elf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "abi/linux/time.h"
#include "abi/startup.h"
#include "servers/linux/vdso/page.h"

namespace hati::linux {
namespace {

class Vdso : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(HATI_VDSO_IMAGE, std::ios::binary);
    const std::vector<char> image((std::istreambuf_iterator<char>(file)), {});
    ASSERT_GT(image.size(), sizeof(Elf64_Ehdr));
    ASSERT_LE(image.size(), kPageSize);
    void* place = mmap(nullptr, 3 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(place, MAP_FAILED);
    clock_ = static_cast<ClockPage*>(place);
    wall_ = reinterpret_cast<WallClockPage*>(static_cast<char*>(place) + kPageSize);
    base_ = static_cast<char*>(place) + 2 * kPageSize;
    std::memcpy(base_, image.data(), image.size());
    ASSERT_EQ(mprotect(base_, kPageSize, PROT_READ | PROT_EXEC), 0);
    // One tick is 1.5 ns.
    *clock_ = {.sequence = 2, .shift = 33, .multiplier = u64{3} << 32, .tsc_base = __builtin_ia32_rdtsc(), .wall_offset_ns = 0, .tsc_hz = 666'666'667};
    *wall_ = {.sequence = 4, .features = 0, .offset_ns = 1'700'000'000'123'456'789};
  }
  void TearDown() override { munmap(clock_, 3 * kPageSize); }

  template <class T>
  const T* at(u64 offset) const {
    return reinterpret_cast<const T*>(base_ + offset);
  }
  const Elf64_Ehdr& header() const { return *at<Elf64_Ehdr>(0); }
  u64 dynamic(i64 tag) const {
    for (int i = 0; i < header().e_phnum; ++i) {
      const auto& segment = at<Elf64_Phdr>(header().e_phoff)[i];
      if (segment.p_type != PT_DYNAMIC) continue;
      for (const auto* entry = at<Elf64_Dyn>(segment.p_offset); entry->d_tag != DT_NULL; ++entry)
        if (entry->d_tag == tag) return entry->d_un.d_val;
    }
    return 0;
  }
  template <class F>
  F* find(std::string_view name) const {
    const u32 count = at<u32>(dynamic(DT_HASH))[1];
    for (u32 i = 1; i < count; ++i) {
      const auto& symbol = at<Elf64_Sym>(dynamic(DT_SYMTAB))[i];
      if (name == at<char>(dynamic(DT_STRTAB)) + symbol.st_name) return reinterpret_cast<F*>(base_ + symbol.st_value);
    }
    return nullptr;
  }
  i64 passed() const { return static_cast<i64>((__builtin_ia32_rdtsc() - clock_->tsc_base) * 3 / 2); }
  static i64 ns(const KernelTimespec& t) { return t.seconds * 1'000'000'000 + t.nanoseconds; }

  ClockPage* clock_ = nullptr;
  WallClockPage* wall_ = nullptr;
  char* base_ = nullptr;
};

using GetTime = i32(i32, KernelTimespec*);

TEST_F(Vdso, IsOneSegmentWithoutRelocations) {
  int loads = 0;
  for (int i = 0; i < header().e_phnum; ++i) {
    const auto& segment = at<Elf64_Phdr>(header().e_phoff)[i];
    if (segment.p_type != PT_LOAD) continue;
    ++loads;
    EXPECT_EQ(segment.p_vaddr, 0u);
    EXPECT_EQ(segment.p_offset, 0u);
    EXPECT_EQ(segment.p_flags, static_cast<u32>(PF_R | PF_X));
  }
  EXPECT_EQ(loads, 1);
  for (const i64 tag : {DT_RELA, DT_REL, DT_JMPREL, DT_NEEDED, DT_INIT, DT_TEXTREL}) EXPECT_EQ(dynamic(tag), 0u) << tag;
  for (const i64 tag : {i64{DT_HASH}, i64{DT_GNU_HASH}, i64{DT_VERSYM}, i64{DT_VERDEF}, i64{DT_SONAME}}) EXPECT_NE(dynamic(tag), 0u) << tag;
}

TEST_F(Vdso, ReadsTheClock) {
  auto* get = find<GetTime>("__vdso_clock_gettime");
  ASSERT_NE(get, nullptr);
  EXPECT_EQ(find<GetTime>("clock_gettime"), get);
  for (const i32 clock : {i32{kClockMonotonic}, i32{kClockMonotonicRaw}, i32{kClockMonotonicCoarse}, i32{kClockBoottime}}) {
    KernelTimespec t;
    const i64 before = passed();
    EXPECT_EQ(get(clock, &t), 0);
    EXPECT_GE(ns(t), before);
    EXPECT_LE(ns(t), passed());
  }
  for (const i32 clock : {i32{kClockRealtime}, i32{kClockRealtimeCoarse}, i32{kClockTai}}) {
    KernelTimespec t;
    const i64 before = passed() + wall_->offset_ns;
    EXPECT_EQ(get(clock, &t), 0);
    EXPECT_GE(ns(t), before);
    EXPECT_LE(ns(t), passed() + wall_->offset_ns);
    EXPECT_LT(t.nanoseconds, 1'000'000'000);
  }
}

TEST_F(Vdso, LargeCountsDoNotOverflow) {
  auto* get = find<GetTime>("__vdso_clock_gettime");
  clock_->tsc_base = __builtin_ia32_rdtsc() - (u64{1} << 61);  // 110 years
  KernelTimespec t;
  EXPECT_EQ(get(kClockMonotonic, &t), 0);
  EXPECT_EQ(t.seconds / 1000, static_cast<i64>((u64{3} << 60) / 1'000'000'000 / 1000));
}

TEST_F(Vdso, WaitsForAChangeInProgress) {
  auto* get = find<GetTime>("__vdso_clock_gettime");
  __atomic_store_n(&wall_->sequence, 5, __ATOMIC_SEQ_CST);
  std::thread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    __atomic_store_n(&wall_->offset_ns, i64{1'000}, __ATOMIC_SEQ_CST);
    __atomic_store_n(&wall_->sequence, 6, __ATOMIC_SEQ_CST);
  });
  KernelTimespec t;
  EXPECT_EQ(get(kClockRealtime, &t), 0);
  EXPECT_LE(ns(t), passed() + 1'000);
  writer.join();
}

TEST_F(Vdso, OthersGoToTheSystem) {
  auto* get = find<GetTime>("__vdso_clock_gettime");
  KernelTimespec t;
  EXPECT_EQ(get(99, &t), -EINVAL);
  EXPECT_EQ(get(kClockThreadCpu, &t), 0);
  auto* resolution = find<GetTime>("__vdso_clock_getres");
  EXPECT_EQ(resolution(kClockMonotonic, &t), 0);
  EXPECT_EQ(t.nanoseconds, 1);
  EXPECT_EQ(resolution(kClockRealtime, nullptr), 0);
  EXPECT_EQ(resolution(99, &t), -EINVAL);
}

TEST_F(Vdso, DayAndSeconds) {
  KernelTimeval day;
  EXPECT_EQ(find<i32(KernelTimeval*, KernelTimezone*)>("__vdso_gettimeofday")(&day, nullptr), 0);
  EXPECT_EQ(day.seconds, 1'700'000'000);
  EXPECT_LT(day.microseconds, 1'000'000);
  i64 stored = 0;
  auto* seconds = find<i64(i64*)>("__vdso_time");
  EXPECT_EQ(seconds(&stored), 1'700'000'000);
  EXPECT_EQ(stored, 1'700'000'000);
}

TEST_F(Vdso, ProcessorNumber) {
  auto* get = find<i64(u32*, u32*, void*)>("__vdso_getcpu");
  cpu_set_t set;
  CPU_ZERO(&set);
  const int here = sched_getcpu();
  CPU_SET(here, &set);
  ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
  u32 cpu = 99, node = 99;
  EXPECT_EQ(get(&cpu, &node, nullptr), 0);
  EXPECT_EQ(cpu, static_cast<u32>(here));
  EXPECT_EQ(get(nullptr, nullptr, nullptr), 0);
  if (__builtin_cpu_supports("rdpid") == 0) return;
  wall_->features = kVvarRdpid;
  EXPECT_EQ(get(&cpu, &node, nullptr), 0);
  EXPECT_EQ(cpu, static_cast<u32>(here));
  wall_->features = kVvarRdtscp;
  EXPECT_EQ(get(&cpu, nullptr, nullptr), 0);
  EXPECT_EQ(cpu, static_cast<u32>(here));
}

}  // namespace
}  // namespace hati::linux
