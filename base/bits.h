// SPDX-License-Identifier: MIT
// Named bit fields: `struct Cr : Register<u32> { using Enable = Field<0, 1>; using Speed = Field<4, 3>; };`
// then `Cr::Speed::get(word)`, `Cr::Speed::set(word, 5)`, `Cr::Enable::kMask`.
#pragma once

#include <type_traits>

#include "base/types.h"

namespace hati {

template <class Word>
struct Register {
  static_assert(std::is_unsigned_v<Word>);

  template <unsigned kShift, unsigned kWidth>
  struct Field {
    static_assert(kWidth > 0 && kShift + kWidth <= sizeof(Word) * 8);
    static constexpr Word kMax = static_cast<Word>(static_cast<Word>(~Word{0}) >> (sizeof(Word) * 8 - kWidth));
    static constexpr Word kMask = static_cast<Word>(kMax << kShift);

    static constexpr Word get(Word word) { return static_cast<Word>((word & kMask) >> kShift); }
    static constexpr Word make(Word value) { return static_cast<Word>((value & kMax) << kShift); }
    static constexpr Word set(Word word, Word value) { return static_cast<Word>((word & ~kMask) | make(value)); }
    static constexpr bool is_set(Word word) { return (word & kMask) != 0; }
  };
};

// Flag enums: `HATI_FLAGS(Rights)` gives the bit operators, `has(set, flag)` asks.
#define HATI_FLAGS(Type)                                                                                                   \
  constexpr Type operator|(Type a, Type b) {                                                                               \
    return static_cast<Type>(static_cast<std::underlying_type_t<Type>>(a) | static_cast<std::underlying_type_t<Type>>(b)); \
  }                                                                                                                        \
  constexpr Type operator&(Type a, Type b) {                                                                               \
    return static_cast<Type>(static_cast<std::underlying_type_t<Type>>(a) & static_cast<std::underlying_type_t<Type>>(b)); \
  }                                                                                                                        \
  constexpr Type operator~(Type a) { return static_cast<Type>(~static_cast<std::underlying_type_t<Type>>(a)); }            \
  constexpr Type& operator|=(Type& a, Type b) { return a = a | b; }                                                        \
  constexpr bool has(Type set, Type flags) { return (set & flags) == flags; }

}  // namespace hati
