// SPDX-License-Identifier: MIT
// The errors of native calls are the ones that all rooms use: see base/error.h.
#pragma once

#include "base/error.h"  // IWYU pragma: export
