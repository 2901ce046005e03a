// SPDX-License-Identifier: MIT
// HATI_CHECK: for what cannot be false unless the program is wrong. Ends the process with a line in the log.
#pragma once

namespace hati {
[[noreturn, gnu::cold]] void check_failed(const char* condition, const char* file, int line);
}  // namespace hati

#define HATI_CHECK(condition)                                       \
  do {                                                              \
    if (!(condition)) [[unlikely]]                                  \
      ::hati::check_failed(#condition, __FILE_NAME__, __LINE__);    \
  } while (false)
