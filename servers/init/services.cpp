// SPDX-License-Identifier: MIT
#include "servers/init/services.h"

#include <cstring>

#include "protocols/system.h"

namespace hati::init {

void Services::declare(const std::string& service) { services_[service]; }

Result<Channel> Services::open(const std::vector<std::string>& services) {
  auto [ours, theirs] = TRY(Channel::create());
  const auto shared = std::make_shared<Channel>(std::move(ours));
  for (const auto& name : services) {
    Service& service = services_[name];
    service.listen = shared;
    service.changed.set();
  }
  return std::move(theirs);
}

void Services::close(const std::vector<std::string>& services, bool for_good) {
  for (const auto& name : services) {
    Service& service = services_[name];
    service.listen.reset();
    service.gone = for_good;
    if (for_good) {
      service.changed.set();
    } else {
      service.changed.reset();
    }
  }
}

Task<Result<Channel>> Services::connect(std::string service_name, std::string client) {
  const auto found = services_.find(service_name);
  if (found == services_.end()) co_return fail(Error::kNotFound);
  Service& service = found->second;  // never erased
  for (;;) {
    CO_TRY(co_await service.changed.wait());
    if (service.gone) co_return fail(Error::kNotFound);
    const auto listen = service.listen;
    if (!listen) {
      service.changed.reset();
      continue;
    }
    auto [ours, theirs] = CO_TRY(Channel::create());
    system::AcceptRequest request{};
    std::strncpy(request.service, service_name.c_str(), sizeof(request.service) - 1);
    std::strncpy(request.client, client.c_str(), sizeof(request.client) - 1);
    Attachments attachments;
    attachments.handles.push_back(std::move(ours));
    const auto sent = co_await rpc_detail::send(listen->get(), system::AcceptRequest::kId, std::as_bytes(std::span(&request, 1)), &attachments);
    if (sent) co_return std::move(theirs);
    if (sent.error() != Error::kPeerClosed) co_return fail(sent.error());
    // The server died between; its supervisor will say how it goes on.
    if (service.listen == listen) service.changed.reset();
  }
}

}  // namespace hati::init
