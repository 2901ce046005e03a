// SPDX-License-Identifier: MIT
// Running a test's task on real workers, or simulated with many seeds.
#pragma once

#include <gtest/gtest.h>

#include "hosted/hosted.h"
#include "hosted/simulation.h"
#include "runtime/executor.h"

namespace hati::testing {

inline Task<int> finished(Task<void> body) {
  co_await std::move(body);
  co_return 7;
}

// On `workers` threads.
inline void run(u32 workers, Task<void> body) {
  const auto result = Runtime::run({.workers = workers, .pin = false}, finished(std::move(body)));
  ASSERT_TRUE(result);
  ASSERT_EQ(*result, 7);
}

// Once per seed; `make` is called for each. Fails if the body gets stuck.
template <class F>
void simulate(u32 seeds, u32 workers, F make) {
  for (u32 seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(seed);
    Simulation simulation(seed, workers);
    ASSERT_EQ(simulation.run(finished(make())), 7) << "everybody waits for something";
  }
}

}  // namespace hati::testing
