// SPDX-License-Identifier: MIT
// The peer of the tests.
#include "tests/native/listener.h"
#include "tests/native/protocol.h"

namespace hati::native_tests {

[[gnu::noinline]] void write_through(volatile int* pointer) { *pointer = 1; }
[[gnu::noinline]] void crash_on_purpose() {
  write_through(nullptr);
  asm volatile("");  // not a tail call: the backtrace shall name this function
}

struct Echo {
  Task<Result<PingReply>> on(PingRequest request, CallContext&) { co_return PingReply{.value = request.value + 1, .process = born}; }
  Task<Result<EmptyReply>> on(CrashRequest, CallContext&) {
    crash_on_purpose();
    co_return EmptyReply{};
  }
  Task<Result<EmptyReply>> on(MirrorRequest, CallContext& context) {
    context.out.payload = std::move(context.in.payload);
    context.out.handles = std::move(context.in.handles);
    co_return EmptyReply{};
  }
  u64 born = now_ns();
};

}  // namespace hati::native_tests

int main() {
  using namespace hati;
  log_set_name("echo");
  native_tests::Echo echo;
  return Runtime::run({.workers = 1, .pin = false}, native_tests::offer<native_tests::EchoProtocol>(echo)).value_or(1);
}
