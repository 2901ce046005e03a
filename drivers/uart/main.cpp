// SPDX-License-Identifier: MIT
// The driver's process: the device, and the clients that init sends.
#include "drivers/uart/uart.h"
#include "protocols/system.h"
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/startup.h"

namespace hati::uart {
namespace {

// Accepts connections; each client is served in the scope.
struct Listener {
  Task<Result<EmptyReply>> on(system::AcceptRequest, CallContext& context) {
    if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
    clients.start(serve<console::ConsoleProtocol>(Channel(context.in.handles[0].release()), device));
    co_return EmptyReply{};
  }
  Uart& device;
  Scope& clients;
};

Task<int> run() {
  auto ports = take_startup_handle("ports");
  auto interrupt = take_startup_handle("interrupt");
  auto listen = take_startup_handle("listen");
  auto state = take_startup_handle("state");
  if (!ports || !interrupt || !listen || !state) {
    log_error("needs handles named ports, interrupt, listen and state");
    co_return 1;
  }
  const auto buffers = Memory(state->release()).map(0, sizeof(Buffers), Protection::kRead | Protection::kWrite);
  if (!buffers) {
    log_error("no buffers: {}", error_name(buffers.error()));
    co_return 1;
  }
  Uart device(PortRange(ports->release()), Interrupt(interrupt->release()), *buffers->as<Buffers>());
  if (auto opened = device.open(); !opened) {
    log_error("no device: {}", error_name(opened.error()));
    co_return 1;
  }
  Scope scope;
  scope.start(device.run());
  Listener listener{device, scope};
  co_await serve<system::ListenProtocol>(Channel(listen->release()), listener);
  scope.cancel();
  co_await scope.join();
  co_return 0;
}

}  // namespace
}  // namespace hati::uart

int main() {
  using namespace hati;
  log_set_name("uart");
  const auto result = Runtime::run({.workers = 1, .pin = false, .submit_entries = 32, .complete_entries = 64}, uart::run());
  if (!result) log_error("cannot run: {}", error_name(result.error()));
  return result.value_or(1);
}
