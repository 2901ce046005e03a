// SPDX-License-Identifier: MIT
// Tracing of system calls (core/trace.h). Traced calls are logged as errors, which reach the console at every log level.
#include "servers/linux/core/trace.h"

#include <set>
#include <string>
#include <utility>

#include "runtime/log.h"
#include "servers/linux/core/thread.h"

namespace hati::linux {
namespace {

// True the first time; the set is bounded so that a program cannot make it grow for ever.
bool first_time(std::string_view what, u64 value) {
  static SpinLock lock;
  static std::set<std::pair<std::string, u64>> seen;
  constexpr usize kSeenMax = 1024;
  SpinGuard guard(lock);
  return seen.size() < kSeenMax && seen.emplace(what, value).second;
}

}  // namespace

void trace_enter(Thread& thread, const char* name, const CallArguments& a) {
  std::string text;
  if (std::string_view(name).starts_with("open") || std::string_view(name) == "newfstatat") {
    if (auto path = thread.memory().get_string(a.value[1], 256)) text = *path;
  } else if (std::string_view(name) == "execve" || std::string_view(name) == "stat" || std::string_view(name) == "access" ||
             std::string_view(name) == "lstat") {
    if (auto path = thread.memory().get_string(a.value[0], 256)) text = *path;
  }
  log_error("[{}] {}({:x}, {:x}, {:x}, {:x}, {:x}, {:x}) {}", thread.tid(), name, a.value[0], a.value[1], a.value[2], a.value[3], a.value[4], a.value[5], text);
}

void trace_leave(Thread& thread, const char* name, const SysResult<i64>& result) {
  if (result) {
    log_error("[{}] {} = {:x}", thread.tid(), name, static_cast<u64>(*result));
  } else {
    log_error("[{}] {} = -{}", thread.tid(), name, static_cast<i32>(result.error()));
  }
}

void note_unknown_call(Thread& thread, u64 number) {
  if (first_time("call", number)) log_warning("{}[{}]: unknown system call {}", thread.comm(), thread.tid(), number);
}

void note_unknown_option(Thread& thread, const char* call, u64 value) {
  if (first_time(call, value)) log_warning("{}[{}]: {}: unsupported option {:#x}", thread.comm(), thread.tid(), call, value);
}

}  // namespace hati::linux
