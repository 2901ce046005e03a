// SPDX-License-Identifier: MIT
#include "runtime/async/event.h"

namespace hati::async {

Task<Result<void>> Event::wait(u64 deadline_ns) {
  if (is_set()) co_return Result<void>();
  WaitEntry entry(waiters_);
  while (!is_set()) CO_TRY(co_await entry.wait(deadline_ns));
  co_return Result<void>();
}

}  // namespace hati::async
