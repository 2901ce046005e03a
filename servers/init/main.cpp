// SPDX-License-Identifier: MIT
// The first process.
#include "runtime/executor.h"
#include "runtime/log.h"
#include "servers/init/init.h"

int main() {
  using namespace hati;
  log_set_name("init");
  init::Init init;
  if (auto opened = init.open(); !opened) {
    log_error("cannot start: {}", error_name(opened.error()));
    return 1;
  }
  const auto result = Runtime::run({.workers = 1, .pin = false, .submit_entries = 32, .complete_entries = 64}, init.run());
  if (!result) log_error("cannot run: {}", error_name(result.error()));
  return result.value_or(1);
}
