// SPDX-License-Identifier: MIT
#include "runtime/combine.h"

namespace hati {

Task<Result<void>> sleep_until(u64 deadline_ns) {
  async::Signal never_set;
  const auto waited = co_await never_set.wait_interruptible(deadline_ns);
  if (!waited && waited.error() == Error::kCancelled) co_return fail(Error::kCancelled);
  co_return Result<void>();
}

}  // namespace hati
