// SPDX-License-Identifier: MIT
#include "runtime/check.h"

#include <cstdlib>

#include "runtime/log.h"

namespace hati {

void check_failed(const char* condition, const char* file, int line) {
  log_error("{}:{}: check failed: {}", file, line, condition);
  std::abort();
}

}  // namespace hati
