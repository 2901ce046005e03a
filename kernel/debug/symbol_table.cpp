// SPDX-License-Identifier: MIT
#include "kernel/debug/symbol_table.h"

#include <cstring>

namespace hati {

u32 SymbolTable::word(usize index) const {
  u32 value = 0;
  if (data_.size() / sizeof(u32) > index) std::memcpy(&value, data_.data() + index * sizeof(u32), sizeof(u32));
  return value;
}

u32 SymbolTable::count() const {
  if (word(0) != kMagic) return 0;
  const u32 count = word(1);
  return count <= data_.size() / 8 ? count : 0;
}

std::optional<SymbolTable::Match> SymbolTable::find(u64 address) const {
  if (address < base_ || address - base_ > ~u32{0}) return std::nullopt;
  const u32 offset = static_cast<u32>(address - base_);
  u32 low = 0, high = count();  // the last symbol at or below `offset` is before `low`
  while (low < high) {
    const u32 middle = low + (high - low) / 2;
    if (word(2 + middle * 2) <= offset)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return std::nullopt;
  const u32 start = word(2 + (low - 1) * 2), name = word(3 + (low - 1) * 2);
  if (name >= data_.size()) return std::nullopt;
  const std::string_view rest(reinterpret_cast<const char*>(data_.data()) + name, data_.size() - name);
  const std::string_view text = rest.substr(0, rest.find('\0'));
  if (text.empty()) return std::nullopt;  // the end marker: behind the last function
  return Match{text, offset - start};
}

}  // namespace hati
