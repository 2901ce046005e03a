// SPDX-License-Identifier: MIT
// A handle made for one start of a server; its process gets a duplicate with these rights, under this name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/handle.h"

namespace hati::init {

struct Gift {
  std::string name;
  OwnedHandle handle;
  Rights rights;
};

// "interrupt", "interrupt1", ...
inline std::string numbered(std::string_view name, usize index) {
  return index == 0 ? std::string(name) : std::string(name) + std::to_string(index);
}

}  // namespace hati::init
