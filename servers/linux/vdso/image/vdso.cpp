// SPDX-License-Identifier: MIT
// The vDSO (vdso(7)): a shared object in every program, which reads the clock without entering the kernel. Position-independent, without data or
// relocations of its own; it finds the [vvar] pages right below itself (vdso.lds). What it cannot answer it asks by the system call.
#include <cstddef>

#include "abi/linux/time.h"
#include "abi/startup.h"
#include "servers/linux/vdso/page.h"

using namespace hati;
using namespace hati::linux;

extern "C" {
[[gnu::visibility("hidden")]] extern const ClockPage vvar_clock;
[[gnu::visibility("hidden")]] extern const WallClockPage vvar_wall;
}

namespace {

constexpr i64 kNsPerSecond = 1'000'000'000;
constexpr i64 kCoarseResolution = 4'000'000;
enum Number : i64 { kGetTimeOfDay = 96, kClockGetTime = 228, kClockGetRes = 229, kGetCpu = 309 };

i64 system_call(Number number, i64 a, const void* b, const void* c = nullptr) {
  i64 result = number;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

// Not before earlier loads: or a thread could see its own past.
u64 ticks() {
  asm volatile("lfence" : : : "memory");
  return __builtin_ia32_rdtsc();
}

template <class Page, class Read>
i64 read_consistently(const Page& page, Read read) {
  for (;;) {
    const u32 before = __atomic_load_n(&page.sequence, __ATOMIC_ACQUIRE);
    const i64 value = read();
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if ((before & 1) == 0 && __atomic_load_n(&page.sequence, __ATOMIC_RELAXED) == before) return value;
    __builtin_ia32_pause();
  }
}

i64 monotonic() {
  return read_consistently(vvar_clock, [] {
    const volatile ClockPage& clock = vvar_clock;
    const u64 passed = ticks() - clock.tsc_base;
    return static_cast<i64>(static_cast<unsigned __int128>(passed) * clock.multiplier >> clock.shift);
  });
}

i64 realtime() {
  const i64 offset = read_consistently(vvar_wall, [] { return const_cast<const volatile WallClockPage&>(vvar_wall).offset_ns; });
  return monotonic() + offset;
}

enum class Kind { kMonotonic, kRealtime, kOther };

constexpr Kind kind_of(i32 clock) {
  switch (clock) {
    case kClockRealtime: case kClockRealtimeCoarse: case kClockTai: return Kind::kRealtime;
    case kClockMonotonic: case kClockMonotonicRaw: case kClockMonotonicCoarse: case kClockBoottime: return Kind::kMonotonic;
    default: return Kind::kOther;
  }
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] i32 __vdso_clock_gettime(i32 clock, KernelTimespec* time) {
  const Kind kind = kind_of(clock);
  if (kind == Kind::kOther) return static_cast<i32>(system_call(kClockGetTime, clock, time));
  const i64 ns = kind == Kind::kRealtime ? realtime() : monotonic();
  time->seconds = ns / kNsPerSecond;
  time->nanoseconds = ns % kNsPerSecond;
  return 0;
}

[[gnu::visibility("default")]] i32 __vdso_clock_getres(i32 clock, KernelTimespec* resolution) {
  if (kind_of(clock) == Kind::kOther) return static_cast<i32>(system_call(kClockGetRes, clock, resolution));
  const bool coarse = clock == kClockRealtimeCoarse || clock == kClockMonotonicCoarse;
  if (resolution != nullptr) {
    resolution->seconds = 0;
    resolution->nanoseconds = coarse ? kCoarseResolution : 1;
  }
  return 0;
}

[[gnu::visibility("default")]] i32 __vdso_gettimeofday(KernelTimeval* time, KernelTimezone* zone) {
  if (zone != nullptr) return static_cast<i32>(system_call(kGetTimeOfDay, reinterpret_cast<i64>(time), zone));
  if (time == nullptr) return 0;
  const i64 ns = realtime();
  time->seconds = ns / kNsPerSecond;
  time->microseconds = ns % kNsPerSecond / 1000;
  return 0;
}

[[gnu::visibility("default")]] i64 __vdso_time(i64* seconds) {
  const i64 now = realtime() / kNsPerSecond;
  if (seconds != nullptr) *seconds = now;
  return now;
}

[[gnu::visibility("default")]] i64 __vdso_getcpu(u32* cpu, u32* node, void* cache) {
  u64 number;
  if ((vvar_wall.features & kVvarRdpid) != 0) {
    asm volatile("rdpid %0" : "=r"(number));
  } else if ((vvar_wall.features & kVvarRdtscp) != 0) {
    asm volatile("rdtscp" : "=c"(number) : : "rax", "rdx");
  } else {
    return system_call(kGetCpu, reinterpret_cast<i64>(cpu), node, cache);
  }
  if (cpu != nullptr) *cpu = static_cast<u32>(number & 0xfff);
  if (node != nullptr) *node = static_cast<u32>(number >> 12);
  return 0;
}

// The names without prefix, for programs that link against the vDSO's own symbols.
[[gnu::weak, gnu::alias("__vdso_clock_gettime")]] i32 clock_gettime(i32 clock, KernelTimespec* time);
[[gnu::weak, gnu::alias("__vdso_clock_getres")]] i32 clock_getres(i32 clock, KernelTimespec* resolution);
[[gnu::weak, gnu::alias("__vdso_gettimeofday")]] i32 gettimeofday(KernelTimeval* time, KernelTimezone* zone);
[[gnu::weak, gnu::alias("__vdso_time")]] i64 time(i64* seconds);
[[gnu::weak, gnu::alias("__vdso_getcpu")]] i64 getcpu(u32* cpu, u32* node, void* cache);
}
