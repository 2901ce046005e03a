// SPDX-License-Identifier: MIT
#include "servers/init/services.h"

#include <cstring>

#include "protocols/system.h"

namespace hati::init {

Offer Services::declare(const std::string& service) {
  auto& instances = services_[service];
  instances.push_back(std::make_unique<Instance>());
  return {service, static_cast<u32>(instances.size() - 1)};
}

Result<Channel> Services::open(std::span<const Offer> offers) {
  auto [ours, theirs] = TRY(Channel::create());
  const auto shared = std::make_shared<Channel>(std::move(ours));
  for (const Offer& offer : offers) {
    Instance& instance = at(offer);
    instance.listen = shared;
    instance.changed.set();
  }
  return std::move(theirs);
}

void Services::close(std::span<const Offer> offers, bool for_good) {
  for (const Offer& offer : offers) {
    Instance& instance = at(offer);
    instance.listen.reset();
    instance.gone = for_good;
    if (for_good) {
      instance.changed.set();
    } else {
      instance.changed.reset();
    }
  }
}

Task<Result<Channel>> Services::connect(Offer wanted, std::string client) {
  const auto found = services_.find(wanted.service);
  if (found == services_.end() || wanted.instance >= found->second.size()) co_return fail(Error::kNotFound);
  Instance& service = at(wanted);  // never erased
  service.wanted.set();
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
    std::strncpy(request.service, wanted.service.c_str(), sizeof(request.service) - 1);
    std::strncpy(request.client, client.c_str(), sizeof(request.client) - 1);
    Attachments attachments;
    attachments.handles.push_back(std::move(ours));
    const auto sent =
        co_await rpc_detail::send(listen->get(), system::AcceptRequest::kId, std::as_bytes(std::span(&request, 1)), &attachments);
    if (sent) co_return std::move(theirs);
    if (sent.error() != Error::kPeerClosed) co_return fail(sent.error());
    // The server died between; its supervisor will say how it goes on.
    if (service.listen == listen) service.changed.reset();
  }
}

}  // namespace hati::init
