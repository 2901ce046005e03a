// SPDX-License-Identifier: MIT
// Where mappings come from. Private to the address_space sources.
#pragma once

#include "kernel/memory/address_space.h"
#include "kernel/memory/object_cache.h"

namespace hati {

extern constinit ObjectCache<Mapping> mapping_cache;

}  // namespace hati
