// SPDX-License-Identifier: MIT
// Random words: the processor's generator where there is one, always mixed with time stamps. Good for seeding; user space owns generators.
#include <atomic>

#include "kernel/arch/x86_64/internal.h"
#include "kernel/arch/x86_64/registers.h"

namespace hati::arch {
namespace {

constinit std::atomic<u64> pool{0x9e37'79b9'7f4a'7c15};
constexpr u32 kTriesMax = 10;

u64 scramble(u64 x) {  // SplitMix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9;
  x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11eb;
  return x ^ (x >> 31);
}

u64 hardware_word() {
  u64 value = 0;
  u8 ok = 0;
  for (u32 i = 0; i < kTriesMax && ok == 0; ++i) {
    if (features().rdseed)
      asm volatile("rdseed %0; setc %1" : "=r"(value), "=r"(ok) : : "cc");
    else if (features().rdrand)
      asm volatile("rdrand %0; setc %1" : "=r"(value), "=r"(ok) : : "cc");
  }
  return ok != 0 ? value : 0;
}

}  // namespace

u64 entropy() {
  u64 jitter = 0;
  for (u32 i = 0; i < 8; ++i) jitter = scramble(jitter ^ read_tsc_ordered());
  const u64 before = pool.fetch_add(scramble(jitter), std::memory_order_relaxed);
  return scramble(before ^ jitter) ^ hardware_word();
}

}  // namespace hati::arch
