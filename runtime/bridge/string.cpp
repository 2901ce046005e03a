// SPDX-License-Identifier: MIT
// The C library's memory and string functions without vector registers: they take the place of its own in the static link.
// Touching a vector register in a supervising server costs saving and restoring the program's extended state. Short blocks
// by overlapping words, long ones by `rep`. Built with -fno-builtin, or the compiler would call what is defined here.
#include <cstddef>
#include <cstdint>

namespace {

using u8 = std::uint8_t;
using u64 = std::uint64_t;
using usize = std::size_t;

// Unaligned words.
template <class T>
[[gnu::always_inline]] inline T load(const void* from) {
  T value;
  __builtin_memcpy_inline(&value, from, sizeof(T));
  return value;
}
template <class T>
[[gnu::always_inline]] inline void store(void* to, T value) {
  __builtin_memcpy_inline(to, &value, sizeof(T));
}

constexpr usize kRepeatMin = 1024;
constexpr u64 kOnes = 0x0101'0101'0101'0101;
constexpr u64 kHighs = 0x8080'8080'8080'8080;

// Non-zero if a byte of the word is zero; the lowest set bit belongs to the first such byte.
[[gnu::always_inline]] inline u64 zero_bytes(u64 word) { return (word - kOnes) & ~word & kHighs; }

// Everything is read before anything is written, so this serves memmove too. n <= 32.
[[gnu::always_inline]] inline void move_small(u8* to, const u8* from, usize n) {
  if (n >= 16) {
    const u64 a = load<u64>(from), b = load<u64>(from + 8), c = load<u64>(from + n - 16), d = load<u64>(from + n - 8);
    store(to, a);
    store(to + 8, b);
    store(to + n - 16, c);
    store(to + n - 8, d);
  } else if (n >= 8) {
    const u64 a = load<u64>(from), b = load<u64>(from + n - 8);
    store(to, a);
    store(to + n - 8, b);
  } else if (n >= 4) {
    const auto a = load<std::uint32_t>(from), b = load<std::uint32_t>(from + n - 4);
    store(to, a);
    store(to + n - 4, b);
  } else if (n >= 2) {
    const auto a = load<std::uint16_t>(from), b = load<std::uint16_t>(from + n - 2);
    store(to, a);
    store(to + n - 2, b);
  } else if (n == 1) {
    *to = *from;
  }
}

// n > 32, and `to` does not lie inside (from, from + n).
[[gnu::always_inline]] inline void move_forward(u8* to, const u8* from, usize n) {
  // The tail first into registers: with overlap the loop may overwrite it.
  const u64 t0 = load<u64>(from + n - 32), t1 = load<u64>(from + n - 24), t2 = load<u64>(from + n - 16), t3 = load<u64>(from + n - 8);
  u8* const end = to + n;
  if (n >= kRepeatMin) {
    usize words = n / 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  } else {
    for (; n > 32; n -= 32, to += 32, from += 32) {
      const u64 a = load<u64>(from), b = load<u64>(from + 8), c = load<u64>(from + 16), d = load<u64>(from + 24);
      store(to, a);
      store(to + 8, b);
      store(to + 16, c);
      store(to + 24, d);
    }
  }
  store(end - 32, t0);
  store(end - 24, t1);
  store(end - 16, t2);
  store(end - 8, t3);
}

// n > 32, from the end.
void move_backward(u8* to, const u8* from, usize n) {
  const u64 h0 = load<u64>(from), h1 = load<u64>(from + 8), h2 = load<u64>(from + 16), h3 = load<u64>(from + 24);
  u8* const start = to;
  for (; n > 32; n -= 32) {
    const u64 a = load<u64>(from + n - 8), b = load<u64>(from + n - 16), c = load<u64>(from + n - 24), d = load<u64>(from + n - 32);
    store(to + n - 8, a);
    store(to + n - 16, b);
    store(to + n - 24, c);
    store(to + n - 32, d);
  }
  store(start, h0);
  store(start + 8, h1);
  store(start + 16, h2);
  store(start + 24, h3);
}

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, usize n) {
  if (n <= 32) {
    move_small(static_cast<u8*>(to), static_cast<const u8*>(from), n);
  } else {
    move_forward(static_cast<u8*>(to), static_cast<const u8*>(from), n);
  }
  return to;
}

void* mempcpy(void* to, const void* from, usize n) { return static_cast<u8*>(memcpy(to, from, n)) + n; }

void* memmove(void* to, const void* from, usize n) {
  auto* t = static_cast<u8*>(to);
  const auto* f = static_cast<const u8*>(from);
  if (n <= 32) {
    move_small(t, f, n);
  } else if (reinterpret_cast<u64>(t) - reinterpret_cast<u64>(f) >= n) {
    move_forward(t, f, n);
  } else {
    move_backward(t, f, n);
  }
  return to;
}

void* memset(void* to, int byte, usize n) {
  auto* t = static_cast<u8*>(to);
  const u64 word = static_cast<u8>(byte) * kOnes;
  if (n < 8) {
    if (n >= 4) {
      store(t, static_cast<std::uint32_t>(word));
      store(t + n - 4, static_cast<std::uint32_t>(word));
    } else if (n != 0) {
      t[0] = t[n / 2] = t[n - 1] = static_cast<u8>(word);
    }
    return to;
  }
  u8* const end = t + n;
  if (n >= kRepeatMin) {
    usize words = n / 8;
    asm volatile("rep stosq" : "+D"(t), "+c"(words) : "a"(word) : "memory");
  } else {
    for (; n > 32; n -= 32, t += 32) {
      store(t, word);
      store(t + 8, word);
      store(t + 16, word);
      store(t + 24, word);
    }
    for (; n > 8; n -= 8, t += 8) store(t, word);
  }
  store(end - 8, word);
  return to;
}

int memcmp(const void* left, const void* right, usize n) {
  const auto* a = static_cast<const u8*>(left);
  const auto* b = static_cast<const u8*>(right);
  for (; n >= 8; n -= 8, a += 8, b += 8) {
    const u64 x = load<u64>(a), y = load<u64>(b);
    if (x != y) return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
  }
  for (; n != 0; --n, ++a, ++b)
    if (*a != *b) return *a < *b ? -1 : 1;
  return 0;
}

int bcmp(const void* left, const void* right, usize n) { return memcmp(left, right, n); }

void* memchr(const void* where, int byte, usize n) {
  const auto* p = static_cast<const u8*>(where);
  const u64 pattern = static_cast<u8>(byte) * kOnes;
  for (; n >= 8; n -= 8, p += 8)
    if (const u64 found = zero_bytes(load<u64>(p) ^ pattern)) return const_cast<u8*>(p) + __builtin_ctzll(found) / 8;
  for (; n != 0; --n, ++p)
    if (*p == static_cast<u8>(byte)) return const_cast<u8*>(p);
  return nullptr;
}

usize strlen(const char* text) {
  const char* p = text;
  for (; reinterpret_cast<u64>(p) % 8 != 0; ++p)
    if (*p == 0) return static_cast<usize>(p - text);
  // Aligned words never cross into the next page.
  for (;; p += 8)
    if (const u64 found = zero_bytes(load<u64>(p))) return static_cast<usize>(p - text) + static_cast<usize>(__builtin_ctzll(found)) / 8;
}

usize strnlen(const char* text, usize n) {
  const void* end = memchr(text, 0, n);
  return end != nullptr ? static_cast<usize>(static_cast<const char*>(end) - text) : n;
}

int strcmp(const char* left, const char* right) {
  while (*left != 0 && *left == *right) ++left, ++right;
  return static_cast<u8>(*left) - static_cast<u8>(*right);
}

int strncmp(const char* left, const char* right, usize n) {
  for (; n != 0; --n, ++left, ++right) {
    if (*left != *right) return static_cast<u8>(*left) - static_cast<u8>(*right);
    if (*left == 0) break;
  }
  return 0;
}

}  // extern "C"
