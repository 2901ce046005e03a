// SPDX-License-Identifier: MIT
// Runs as the first process: threads on all processors map, write, verify, protect, move, discard and unmap, each in an area of its own and
// so in page tables they share, while one of them forks the space again and again. What is read must be what this thread wrote.
#include "kernel/call/testing/native.h"

namespace hati::test {
namespace {

constexpr u64 kArea = kServerBase + (u64{4} << 30);
constexpr u64 kAreaPages = 96;  // per thread: page tables are shared by neighbours
constexpr u32 kThreads = 6;
constexpr u64 kStackBytes = 16 * kPageSize;

std::atomic<u32> finished{0}, failures{0};
u64 rounds = 3000;

struct Random {
  u64 state;
  u64 operator()(u64 limit) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
  }
};

i64 map(u64 address, u64 bytes, MapFlags flags = MapFlags::kNone) {
  MapRequest request{address, bytes, static_cast<Protection>(3), MapFlags::kFixed | flags, kNoHandle, 7, 0, 0, 0, 0};
  return call(Call::kSpaceMap, kOwnSpace, &request);
}

void check(bool ok, const char* what, i64 value = 0) {
  if (ok) return;
  if (failures.fetch_add(1) < 20) Line() << "FAILED: " << what << " " << value;
}

u64& word(u64 page) { return *reinterpret_cast<u64*>(page + (page >> 9 & 0xff8)); }

// One thread's pages: what each should contain. 0: zero or never written; kGone: not mapped.
struct Area {
  static constexpr u64 kGone = ~u64{0};
  u64 base;
  u64 expected[kAreaPages];
  Random random;

  u64 at(u64 page) const { return base + page * kPageSize; }
  void write(u64 page) {
    if (expected[page] == kGone) return;
    word(at(page)) = expected[page] = random(~u64{0} - 1);
  }
  void verify(u64 page) {
    if (expected[page] != kGone) check(word(at(page)) == expected[page], "contents of page", static_cast<i64>(page));
  }
  void set(u64 page, u64 count, u64 value) {
    for (u64 i = page; i < page + count; ++i) expected[i] = value;
  }
  bool whole(u64 page, u64 count) const {
    for (u64 i = page; i < page + count; ++i)
      if (expected[i] == kGone) return false;
    return true;
  }
  void step() {
    const u64 page = random(kAreaPages), count = 1 + random(kAreaPages - page < 12 ? kAreaPages - page : 12);
    switch (random(10)) {
      case 0: check(map(at(page), count * kPageSize) >= 0, "map"); return set(page, count, 0);
      case 1: check(call(Call::kSpaceUnmap, kOwnSpace, at(page), count * kPageSize) == 0, "unmap"); return set(page, count, kGone);
      case 2:
        call(Call::kSpaceDiscard, kOwnSpace, at(page), count * kPageSize);  // an error at holes; the rest is done
        for (u64 i = page; i < page + count; ++i)
          if (expected[i] != kGone) expected[i] = 0;
        return;
      case 3:
        if (!whole(page, count)) return;
        check(call(Call::kSpaceProtect, kOwnSpace, at(page), count * kPageSize, 1) == 0, "protect");
        for (u64 i = page; i < page + count; ++i) verify(i);
        check(call(Call::kSpaceProtect, kOwnSpace, at(page), count * kPageSize, 3) == 0, "protect back");
        return;
      default:
        for (u64 i = page; i < page + count; ++i) verify(i), write(i);
    }
  }
};

void fork_once() {
  const i64 child = call(Call::kSpaceCreate, SpaceFlags::kNone);
  check(child > 0, "space create", child);
  const i64 result = call(Call::kSpaceClone, kOwnSpace, child);
  check(result == 0, "clone", result);
  // The child's view of a word in this program's data is a snapshot.
  u64 seen = 0;
  check(call(Call::kCopy, kOwnSpace, &seen, child, &rounds, 8) == 8 && seen == rounds, "child's memory", static_cast<i64>(seen));
  check(call(Call::kSpaceTerminate, child, 0) == 0 && call(Call::kHandleClose, child) == 0, "child's end");
}

[[noreturn]] void worker(u64 number) {
  static Area areas[kThreads];
  Area& area = areas[number];
  area.base = kArea + number * kAreaPages * kPageSize;
  area.random.state = number * 7919 + 12345;
  area.set(0, kAreaPages, Area::kGone);
  for (u64 round = 0; round < rounds; ++round) {
    area.step();
    if (number == 0 && round % 16 == 0) fork_once();
  }
  for (u64 page = 0; page < kAreaPages; ++page) area.verify(page);
  finished.fetch_add(1);
  for (;;) call(Call::kThreadExit, 0);
}

}  // namespace

extern "C" [[noreturn]] void memory_stress_main(const u64* stack) {
  SystemInfo before{}, after{};
  call(Call::kSystemInfo, &before);
  map(kArea - kThreads * 2 * kStackBytes, kThreads * kStackBytes, MapFlags::kPopulate);
  for (u64 i = 0; i < kThreads; ++i) {
    const u64 top = kArea - kThreads * 2 * kStackBytes + (i + 1) * kStackBytes;
    ThreadRequest request{reinterpret_cast<u64>(&worker), top - 8, i, 0, kPriorityDriver, 0, 0};  // as the first thread: it yields to them
    const i64 thread = call(Call::kThreadCreate, kOwnSpace, &request);
    check(thread > 0, "thread create", thread);
    check(call(Call::kThreadStart, thread) == 0, "thread start");
  }
  while (finished.load() != kThreads) call(Call::kThreadYield);
  call(Call::kSpaceUnmap, kOwnSpace, kArea, kThreads * kAreaPages * kPageSize);
  for (u32 i = 0; i < 1000; ++i) call(Call::kThreadYield);
  call(Call::kSystemInfo, &after);
  check(after.memory_free + (3 << 20) > before.memory_free, "memory is lost: KiB",
        static_cast<i64>(before.memory_free - after.memory_free) >> 10);
  Line() << "memory stress: " << static_cast<i64>(failures.load()) << " failures on " << static_cast<i64>(after.cpu_count)
         << " processors, " << static_cast<i64>((before.memory_free - after.memory_free) >> 10) << " KiB more in use";
  const PowerAction action = failures.load() == 0 ? PowerAction::kOff : PowerAction::kPanic;
  call(Call::kPower, startup_handle(stack, kStartupResource), action, 1);
  for (;;) call(Call::kThreadExit, 1);
}

extern "C" void* memset(void* at, int value, usize bytes) {
  for (usize i = 0; i < bytes; ++i) static_cast<volatile u8*>(at)[i] = static_cast<u8>(value);
  return at;
}
extern "C" void* memcpy(void* to, const void* from, usize bytes) {
  for (usize i = 0; i < bytes; ++i) static_cast<volatile u8*>(to)[i] = static_cast<const u8*>(from)[i];
  return to;
}

asm(R"(
.globl _start
_start:
  mov %rsp, %rdi
  and $-16, %rsp
  call memory_stress_main
)");

}  // namespace hati::test
