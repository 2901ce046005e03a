// SPDX-License-Identifier: MIT
// Who offers what. A service's "listen" channel exists before its server runs, so clients can be connected in any order; when the server restarts,
// the channel is a new one.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "runtime/async/event.h"
#include "runtime/handle.h"

namespace hati::init {

class Services {
 public:
  // Declares a service before anything is started.
  void declare(const std::string& service);
  // A fresh channel for all services of a server that is about to start: the server's end. Our end serves connect().
  Result<Channel> open(const std::vector<std::string>& services);
  // The server has ended: connections wait until open(), or fail with kNotFound if it is gone for good.
  void close(const std::vector<std::string>& services, bool for_good);
  // The client's end of a new connection. Blocks while the server restarts. kNotFound.
  Task<Result<Channel>> connect(std::string service, std::string client);

 private:
  struct Service {
    std::shared_ptr<Channel> listen;
    bool gone = false;
    async::Event changed;
  };
  std::map<std::string, Service, std::less<>> services_;
};

}  // namespace hati::init
