// SPDX-License-Identifier: MIT
// Deterministic execution: several workers on one thread, stepped in an order that a seed decides, on a virtual clock that jumps to the
// next deadline when nothing is runnable. The same seed gives the same run. Not together with Runtime::run.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "runtime/executor.h"

namespace hati {

class Simulation {
 public:
  // Virtual time begins at 1 s.
  Simulation(u64 seed, u32 workers);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // Runs until `main` has ended: its result. Nothing if it cannot go on: everybody waits and no deadline is left.
  std::optional<int> run(Task<int> main);
  u64 now() const { return now_ns_; }
  u64 steps() const { return steps_; }

 private:
  static Task<void> run_main(Task<int> main, std::optional<int>& result);
  bool round();
  bool advance();

  std::mt19937_64 random_;
  u64 now_ns_ = kNsPerSecond;
  u64 steps_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace hati
