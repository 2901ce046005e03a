// SPDX-License-Identifier: MIT
// Who offers what. Several servers may offer one service: instances, in the order of their declaration. A service's "listen" channel exists before
// its server runs, so clients can be connected in any order; when the server restarts, the channel is a new one.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/async/event.h"
#include "runtime/handle.h"

namespace hati::init {

// One server's offer of one service.
struct Offer {
  std::string service;
  u32 instance;
};

class Services {
 public:
  // Declares another instance of a service before anything is started.
  Offer declare(const std::string& service);
  // A fresh channel for all services of a server that is about to start: the server's end. Our end serves connect().
  Result<Channel> open(std::span<const Offer> offers);
  // The server has ended: connections wait until open(), or fail with kNotFound if it is gone for good.
  void close(std::span<const Offer> offers, bool for_good);
  // The client's end of a new connection. Blocks while the server restarts. kNotFound.
  Task<Result<Channel>> connect(Offer wanted, std::string client);
  // Until somebody wants to connect. kCancelled.
  Task<Result<void>> wait_wanted(const Offer& offer) { return at(offer).wanted.wait(); }

 private:
  struct Instance {
    std::shared_ptr<Channel> listen;
    bool gone = false;
    async::Event changed;
    async::Event wanted;
  };
  Instance& at(const Offer& offer) { return *services_.at(offer.service)[offer.instance]; }

  std::map<std::string, std::vector<std::unique_ptr<Instance>>, std::less<>> services_;
};

}  // namespace hati::init
