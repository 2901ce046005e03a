// SPDX-License-Identifier: MIT
#include "hosted/simulation.h"

#include <algorithm>

#include "hosted/hosted.h"
#include "runtime/check.h"
#include "runtime/scope.h"

namespace hati {

Simulation::Simulation(u64 seed, u32 workers) : random_(seed) {
  hosted::set_virtual_time(now_ns_);
  std::vector<Worker*> list;
  for (u32 i = 0; i < workers; ++i) {
    workers_.push_back(std::unique_ptr<Worker>(new Worker));
    HATI_CHECK(workers_.back()->open(i, 64, 256));
    list.push_back(workers_.back().get());
  }
  Runtime::set_workers(list);
  for (Worker* worker : list) {
    Worker::current_ = worker;
    worker->arm_wake();
  }
  Worker::current_ = nullptr;
}

Simulation::~Simulation() {
  Runtime::set_workers({});
  for (auto& worker : workers_) worker->close();
  hosted::use_real_time();
}

Task<void> Simulation::run_main(Task<int> main, std::optional<int>& result) { result = co_await std::move(main); }

// Every worker once, in random order. Whether any had something to do.
bool Simulation::round() {
  std::vector<Worker*> order;
  for (auto& worker : workers_) order.push_back(worker.get());
  std::ranges::shuffle(order, random_);
  bool any = false;
  for (Worker* worker : order) {
    Worker::current_ = worker;
    any |= worker->step();
    ++steps_;
  }
  Worker::current_ = nullptr;
  return any;
}

bool Simulation::advance() {
  u64 next = hosted::next_kernel_deadline();
  for (auto& worker : workers_) next = std::min(next, worker->timers().next());
  if (next == kNever) return false;
  now_ns_ = std::max(now_ns_, next);
  hosted::set_virtual_time(now_ns_);
  hosted::expire_kernel_deadlines();
  return true;
}

std::optional<int> Simulation::run(Task<int> main) {
  std::optional<int> result;
  Scope root;
  root.start_on(*workers_.front(), run_main(std::move(main), result));
  while (!result)
    if (!round() && !advance()) break;
  if (result)
    while (root.running() != 0) round();
  root.joined_ = true;
  return result;
}

}  // namespace hati
