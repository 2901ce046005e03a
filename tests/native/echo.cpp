// SPDX-License-Identifier: MIT
// The peer of the tests.
#include <cstring>
#include <string_view>

#include "runtime/inline_message.h"
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

// Without the typed layer: what comes goes back.
Task<void> mirror_raw(Channel channel) {
  auto received = co_await inline_receive(channel.get());
  while (received) received = co_await inline_reply_receive(channel.get(), *received);
}

// The services "echo" and "raw".
struct Acceptor {
  Task<Result<EmptyReply>> on(system::AcceptRequest request, CallContext& context) {
    if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
    Channel channel(context.in.handles[0].release());
    const bool raw = std::string_view(request.service, strnlen(request.service, sizeof(request.service))) == "raw";
    clients.start(raw ? mirror_raw(std::move(channel)) : serve<EchoProtocol>(std::move(channel), echo));
    co_return EmptyReply{};
  }
  Echo& echo;
  Scope& clients;
};

Task<int> run(Echo& echo) {
  auto listen = take_startup_handle("listen");
  if (!listen) co_return 1;
  Scope scope;
  Acceptor acceptor{echo, scope};
  co_await serve<system::ListenProtocol>(Channel(listen->release()), acceptor);
  scope.cancel();
  co_await scope.join();
  co_return 0;
}

}  // namespace hati::native_tests

int main() {
  using namespace hati;
  log_set_name("echo");
  native_tests::Echo echo;
  return Runtime::run({.workers = 1, .pin = false}, native_tests::run(echo)).value_or(1);
}
