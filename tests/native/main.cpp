// SPDX-License-Identifier: MIT
// Runs the cases and switches the machine off.
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/startup.h"
#include "tests/native/cases.h"

namespace hati::native_tests {
namespace {

Channel take_channel(std::string_view name) {
  auto handle = take_startup_handle(name);
  return handle ? Channel(handle->release()) : Channel();
}

Task<int> run() {
  Fixture fixture{.init = Client<system::SystemProtocol>(take_channel(kStartupInit)),
                  .echo = Client<EchoProtocol>(take_channel("echo")),
                  .fuzz = Client<FuzzProtocol>(take_channel("fuzz")),
                  .hoarder = Client<HoardProtocol>(take_channel("hoarder")),
                  .pager = Client<PagedProtocol>(take_channel("pager")),
                  .raw = take_channel("raw")};
  u32 passed = 0, failed = 0;
  for (const auto cases : {bridge_cases(), object_cases(), quota_cases(), paged_cases(), ipc_cases()})
    for (const Case& one : cases) {
      const Verdict verdict = co_await one.run(fixture);
      if (verdict.empty()) {
        ++passed;
        log_info("ok {}", one.name);
      } else {
        ++failed;
        log_info("not ok {}: {}", one.name, verdict);
      }
    }
  log_info("{} passed, {} failed", passed, failed);
  (void)co_await fixture.init.call(system::PowerRequest{.action = PowerAction::kOff, .code = 0});
  co_return 1;
}

}  // namespace
}  // namespace hati::native_tests

int main() {
  using namespace hati;
  log_set_name("tests");
  return Runtime::run({}, native_tests::run()).value_or(1);
}
