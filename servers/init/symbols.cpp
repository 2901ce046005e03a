// SPDX-License-Identifier: MIT
#include "servers/init/symbols.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/format.h"

namespace hati::init {

SymbolTable::SymbolTable(const ElfImage& image) {
  image.for_each_symbol([&](std::string_view name, const elf::Symbol& symbol) {
    if (symbol.type() != elf::kFunction || symbol.section == 0 || symbol.value >= ~u32{0}) return true;
    entries_.push_back(
        {static_cast<u32>(symbol.value), static_cast<u32>(std::min<u64>(symbol.bytes, ~u32{0})), static_cast<u32>(names_.size())});
    names_.insert(names_.end(), name.begin(), name.end());
    names_.push_back(0);
    return true;
  });
  std::ranges::sort(entries_, {}, &Entry::address);
  entries_.shrink_to_fit();
  names_.shrink_to_fit();
}

std::string SymbolTable::describe(u64 address) const {
  auto after = std::ranges::upper_bound(entries_, address, {}, [](const Entry& e) { return u64{e.address}; });
  if (after == entries_.begin()) return "?";
  const Entry& entry = *--after;
  const u64 offset = address - entry.address;
  if (entry.bytes != 0 && offset >= entry.bytes) return "?";
  const char* mangled = names_.data() + entry.name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  TextBuffer<24> suffix;
  format_to(suffix, "+{:#x}", offset);
  return std::string(demangled ? demangled.get() : mangled) + std::string(suffix.view());
}

}  // namespace hati::init
