// SPDX-License-Identifier: MIT
// Starting and stopping the workers.
#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/call.h"
#include "runtime/check.h"
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/scope.h"
#include "runtime/startup.h"
#if !defined(HATI_HOST_TEST)
#include "runtime/bridge/thread.h"
#endif

namespace hati {

namespace {

// Set while Runtime::run is active.
std::array<Worker*, kWorkersMax> workers;
u32 worker_total = 0;

void pin_to_cpu(u32 cpu) {
#if !defined(HATI_HOST_TEST)
  Handle self = bridge::current_thread_handle();
  if (self == kNoHandle) self = startup_handle(kStartupThread);
  if (self == kNoHandle) return;
  if (auto pinned = call::thread_control(self, ThreadProperty::kAffinity, u64{1} << cpu); !pinned)
    log_warning("worker {} is not pinned: {}", cpu, error_name(pinned.error()));
#endif
}

void run_worker(Worker& worker, bool pin) {
  if (pin) pin_to_cpu(worker.index());
  worker.run();
#if !defined(HATI_HOST_TEST)
  frame_cache.clear();
#endif
}

Task<void> run_main(Task<int> main, int& result) {
  result = co_await std::move(main);
  for (u32 i = 0; i < worker_total; ++i) workers[i]->stop();
}

}  // namespace

u32 Runtime::worker_count() { return worker_total; }

Worker& Runtime::worker(u32 index) {
  HATI_CHECK(index < worker_total);
  return *workers[index];
}

void Runtime::set_workers(std::span<Worker* const> list) {
  std::ranges::copy(list, workers.begin());
  worker_total = static_cast<u32>(list.size());
}

Result<int> Runtime::run(const RuntimeOptions& options, Task<int> main) {
  HATI_CHECK(worker_total == 0);
  u32 count = options.workers;
  if (count == 0) {
    SystemInfo info{};
    TRY(call::system_info(info));
    count = info.cpu_count;
  }
  count = std::min(count, kWorkersMax);

  std::vector<std::unique_ptr<Worker>> owned;
  for (u32 i = 0; i < count; ++i) {
    owned.push_back(std::unique_ptr<Worker>(new Worker));
    workers[i] = owned.back().get();
    TRY(owned.back()->open(i, options.submit_entries, options.complete_entries));
    if (options.supervise) TRY(call::space_set_trap_ring(owned.back()->ring(), i));
  }
  worker_total = count;

  int result = 0;
  Scope root;
  root.start_on(*workers[0], run_main(std::move(main), result));
  std::vector<std::thread> threads;
  for (u32 i = 1; i < count; ++i) threads.emplace_back(&run_worker, std::ref(*workers[i]), options.pin);
  run_worker(*workers[0], options.pin);
  for (std::thread& thread : threads) thread.join();
  HATI_CHECK(root.running() == 0);
  root.joined_ = true;
  for (auto& worker : owned) worker->close();
  worker_total = 0;
  return result;
}

}  // namespace hati
