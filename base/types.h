// SPDX-License-Identifier: MIT
// Integer names and strong address types shared by kernel and servers. Freestanding.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace hati {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;

inline constexpr u64 kPageShift = 12;
inline constexpr u64 kPageSize = u64{1} << kPageShift;
inline constexpr u64 kLargePageSize = u64{2} << 20;

constexpr u64 page_floor(u64 value) { return value & ~(kPageSize - 1); }
// The caller has checked that value + kPageSize - 1 does not wrap.
constexpr u64 page_ceil(u64 value) { return (value + kPageSize - 1) & ~(kPageSize - 1); }
constexpr bool page_aligned(u64 value) { return (value & (kPageSize - 1)) == 0; }

// A number that means one thing only: ids and addresses of different kinds do not mix.
template <class Tag, class Value = u64>
struct Strong {
  Value value{};

  constexpr Strong() = default;
  constexpr explicit Strong(Value v) : value(v) {}
  constexpr auto operator<=>(const Strong&) const = default;
};

// An address of physical memory.
struct PhysAddr : Strong<PhysAddr> {
  using Strong::Strong;
  constexpr PhysAddr operator+(u64 bytes) const { return PhysAddr{value + bytes}; }
  constexpr u64 frame() const { return value >> kPageShift; }
};

}  // namespace hati
