// SPDX-License-Identifier: MIT
// The main function of a program that offers one service.
#pragma once

#include "protocols/system.h"
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/scope.h"
#include "runtime/startup.h"

namespace hati::native_tests {

template <class P, class Handler>
struct Listener {
  Task<Result<EmptyReply>> on(system::AcceptRequest, CallContext& context) {
    if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
    clients.start(serve<P>(Channel(context.in.handles[0].release()), handler));
    co_return EmptyReply{};
  }
  Handler& handler;
  Scope& clients;
};

template <class P, class Handler>
Task<int> offer(Handler& handler) {
  auto listen = take_startup_handle("listen");
  if (!listen) co_return 1;
  Scope scope;
  Listener<P, Handler> listener{handler, scope};
  co_await serve<system::ListenProtocol>(Channel(listen->release()), listener);
  scope.cancel();
  co_await scope.join();
  co_return 0;
}

}  // namespace hati::native_tests
