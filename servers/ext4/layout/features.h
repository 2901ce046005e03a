// SPDX-License-Identifier: MIT
// Names of features, as tune2fs prints them.
#pragma once

#include <string>

#include "base/types.h"

namespace hati::ext4 {

// The names of the bits set in `bits`, separated by spaces; unknown ones as FEATURE_I17 (incompatible) or FEATURE_R17.
std::string incompatible_names(u32 bits);
std::string read_only_names(u32 bits);

}  // namespace hati::ext4
