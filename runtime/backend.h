// SPDX-License-Identifier: MIT
// The seam below the runtime: one function that carries out a native call. On Hati it is the `syscall` instruction; with
// HATI_HOST_TEST it is hosted/'s in-process kernel. Everything above (rings included, which are memory plus
// Call::kRingEnter) is the same source in both worlds.
#pragma once

#include "abi/call.h"
#include "base/types.h"

namespace hati {

#if defined(HATI_HOST_TEST)

// Implemented in hosted/kernel.cpp.
i64 hosted_call(Call number, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);

inline i64 native_call(Call number, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0) {
  return hosted_call(number, a0, a1, a2, a3, a4, a5);
}

#else

// Raw native call; the result as the kernel gave it. Only runtime/call.h and the bridge use it.
[[gnu::always_inline]] inline i64 native_call(Call number) {
  i64 result;
  asm volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
  return result;
}
[[gnu::always_inline]] inline i64 native_call(Call number, u64 a0) {
  i64 result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a0) : "rcx", "r11", "memory");
  return result;
}
[[gnu::always_inline]] inline i64 native_call(Call number, u64 a0, u64 a1) {
  i64 result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a0), "S"(a1) : "rcx", "r11", "memory");
  return result;
}
[[gnu::always_inline]] inline i64 native_call(Call number, u64 a0, u64 a1, u64 a2) {
  i64 result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a0), "S"(a1), "d"(a2) : "rcx", "r11", "memory");
  return result;
}
[[gnu::always_inline]] inline i64 native_call(Call number, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4 = 0, u64 a5 = 0) {
  i64 result;
  register u64 r10 asm("r10") = a3;
  register u64 r8 asm("r8") = a4;
  register u64 r9 asm("r9") = a5;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

#endif

}  // namespace hati
