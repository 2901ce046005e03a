// SPDX-License-Identifier: MIT
// The ext4 server's process: a session for each client that init sends.
#include "protocols/system.h"
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/startup.h"
#include "servers/ext4/system/surroundings.h"

namespace hati::ext4 {
namespace {

// What all sessions share.
struct Server {
  block::Connector& connector;
  Scope& scope;
  MountedDisks mounted;
};

Task<void> serve_client(Server& server, Channel channel) {
  SystemSurroundings surroundings(server.connector, server.scope, server.mounted);
  Session session(surroundings);
  co_await serve<file_system::FileSystemProtocol>(std::move(channel), session);
  co_await session.end();
}

struct Listener {
  Task<Result<EmptyReply>> on(system::AcceptRequest, CallContext& context) {
    if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
    server.scope.start(serve_client(server, Channel(context.in.handles[0].release())));
    co_return EmptyReply{};
  }
  Server& server;
};

Task<int> run() {
  auto listen = take_startup_handle("listen");
  auto init_channel = take_startup_handle(kStartupInit);
  if (!listen || !init_channel) {
    log_error("a handle is missing");
    co_return 1;
  }
  Client<system::SystemProtocol> init(Channel(init_channel->release()));
  block::InitConnector connector(init);
  Scope scope;
  Server server{.connector = connector, .scope = scope, .mounted = {}};
  Listener listener{server};
  co_await serve<system::ListenProtocol>(Channel(listen->release()), listener);
  scope.cancel();
  co_await scope.join();
  co_return 0;
}

}  // namespace
}  // namespace hati::ext4

int main() {
  using namespace hati;
  log_set_name("ext4");
  const auto result = Runtime::run({.submit_entries = 64, .complete_entries = 256}, ext4::run());
  if (!result) log_error("cannot run: {}", error_name(result.error()));
  return result.value_or(1);
}
