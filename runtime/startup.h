// SPDX-License-Identifier: MIT
// The handles this process was started with (abi/startup.h), by the names its manifest entry gives them.
#pragma once

#include <string_view>

#include "abi/startup.h"
#include "runtime/handle.h"

namespace hati {

// kStartupThread: the process's first thread, for pinning it. kStartupInit: a channel to init.
inline constexpr char kStartupThread[] = "thread";
inline constexpr char kStartupInit[] = "init";

// Takes the handle out of the table: the caller owns it from now on. kNotFound if there is none or it was taken.
Result<OwnedHandle> take_startup_handle(std::string_view name);
// The number only; it stays in the table. kNoHandle if there is none.
Handle startup_handle(std::string_view name);

}  // namespace hati
