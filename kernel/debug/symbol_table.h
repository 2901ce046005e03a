// SPDX-License-Identifier: MIT
// The table that make_symbols.py appends to the image: u32 magic, u32 count, count times { u32 address - base, u32 name offset } sorted by
// address, then zero-terminated names. Offsets are checked at each look-up, because a panic may come from damaged memory.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/types.h"

namespace hati {

class SymbolTable {
 public:
  static constexpr u32 kMagic = 0x4d595348;  // "HSYM"

  constexpr SymbolTable(std::span<const u8> data, u64 base) : data_(data), base_(base) {}

  struct Match {
    std::string_view name;
    u64 offset;  // of the address from the start of the function
  };
  std::optional<Match> find(u64 address) const;
  u32 count() const;

 private:
  u32 word(usize index) const;

  std::span<const u8> data_;
  u64 base_;
};

// The kernel's own; empty if the image has none.
SymbolTable kernel_symbols();

}  // namespace hati
