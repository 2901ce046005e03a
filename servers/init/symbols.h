// SPDX-License-Identifier: MIT
// The function symbols of a server, kept in a compact form for backtraces after the boot image is gone.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/elf.h"

namespace hati::init {

class SymbolTable {
 public:
  SymbolTable() = default;
  // From the image's symbol table; empty if it has none.
  explicit SymbolTable(const ElfImage& image);

  // "name+0x12", demangled, for an address relative to the load base; "?" if no function covers it.
  std::string describe(u64 address) const;

 private:
  struct Entry {
    u32 address, bytes, name;
  };
  std::vector<Entry> entries_;  // by address
  std::vector<char> names_;     // zero-terminated
};

}  // namespace hati::init
