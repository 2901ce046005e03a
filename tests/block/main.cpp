// SPDX-License-Identifier: MIT
// Opens the disks, runs the cases and switches the machine off.
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/startup.h"
#include "tests/block/cases.h"

namespace hati::block_tests {
namespace {

Task<void> run_cases(Fixture& fixture) {
  u32 passed = 0, failed = 0;
  for (const auto cases : {basic_cases(), load_cases()})
    for (const Case& one : cases) {
      const u64 before = now_ns();
      const Verdict verdict = co_await one.run(fixture);
      if (verdict.empty()) {
        ++passed;
        log_info("ok {} ({} ms)", one.name, (now_ns() - before) / kNsPerMs);
      } else {
        ++failed;
        log_info("not ok {}: {}", one.name, verdict);
      }
    }
  log_info("{} passed, {} failed", passed, failed);
}

Task<int> run() {
  auto channel = take_startup_handle(kStartupInit);
  if (!channel) co_return 1;
  Init init(Channel(channel->release()));
  block::InitConnector connector(init);
  auto scratch = co_await block::Disk::open(connector, "vda");
  auto read_only = co_await block::Disk::open(connector, "vdb");
  if (!scratch || !read_only) {
    log_error("no disks: {}", error_name((scratch ? read_only : scratch).error()));
    co_return 1;
  }
  Scope scope;
  scope.start((*scratch)->run());
  scope.start((*read_only)->run());
  Fixture fixture{init, connector, **scratch, **read_only};
  co_await run_cases(fixture);
  (void)co_await init.call(system::PowerRequest{.action = PowerAction::kOff, .code = 0});
  co_return 1;
}

}  // namespace
}  // namespace hati::block_tests

int main() {
  using namespace hati;
  log_set_name("tests");
  return Runtime::run({}, block_tests::run()).value_or(1);
}
