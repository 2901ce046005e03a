// SPDX-License-Identifier: MIT
// A case is a coroutine that returns an empty text if all is well, else what was wrong.
#pragma once

#include <string>

#include "protocols/system.h"
#include "runtime/combine.h"
#include "tests/native/protocol.h"

namespace hati::native_tests {

struct Fixture {
  Client<system::SystemProtocol> init;
  Client<EchoProtocol> echo;
  Client<FuzzProtocol> fuzz;
  Client<HoardProtocol> hoarder;
  Client<PagedProtocol> pager;
  Channel raw;
};

using Verdict = std::string;
struct Case {
  const char* name;
  Task<Verdict> (*run)(Fixture& fixture);
};

#define EXPECT(...)                                      \
  do {                                                   \
    if (!(__VA_ARGS__)) co_return Verdict(#__VA_ARGS__); \
  } while (false)

std::span<const Case> bridge_cases();  // glibc on the bridge
std::span<const Case> object_cases();  // calls and objects
std::span<const Case> quota_cases();   // what a process may use of the kernel
std::span<const Case> paged_cases();   // paged memory
std::span<const Case> ipc_cases();     // other processes, crash, restart, fuzz

}  // namespace hati::native_tests
