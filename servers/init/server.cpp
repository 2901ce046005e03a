// SPDX-License-Identifier: MIT
// One server: making its handles, starting it, waiting for its end, starting it again.
#include <algorithm>
#include <cstring>

#include "base/cpio.h"
#include "runtime/combine.h"
#include "runtime/log.h"
#include "runtime/startup.h"
#include "servers/init/crash.h"
#include "servers/init/init.h"

namespace hati::init {

namespace {

// A server that ends this often within this time has a problem that starting it again does not solve.
constexpr usize kStartsMax = 5;
constexpr u64 kStartsWindowNs = 30 * kNsPerSecond;
constexpr u64 kBackOffNs = 20 * kNsPerMs;

}  // namespace

Result<void> Server::prepare(std::span<const std::byte> boot_image) {
  const std::span<const u8> archive{reinterpret_cast<const u8*>(boot_image.data()), boot_image.size()};
  const auto entry = TRY(cpio_find(archive, spec_.path));
  symbols_ = SymbolTable(TRY(ElfImage::parse(entry.data)));
  image_ = std::as_bytes(entry.data);
  if (spec_.restart == Restart::kAlways || spec_.start == Start::kOnDemand) {
    kept_image_.assign(image_.begin(), image_.end());
    image_ = kept_image_;
  } else {
    wants_boot_image_ = true;  // until it is loaded
  }
  if (std::ranges::find(spec_.handles, kStartupBootImage) != spec_.handles.end()) wants_boot_image_ = true;
  return {};
}

void Server::declare_offers() {
  for (const std::string& service : spec_.offers) offers_.push_back(init_.services().declare(service));
}
void Server::withdraw_offers() { init_.services().close(offers_, true); }

Result<void> Server::end() {
  if (!running_) return fail(Error::kNotFound);
  ended_on_request_ = true;
  return call::space_terminate(running_.get(), -1);
}

Result<void> Server::add_own_handles(std::vector<Gift>& gifts) {
  std::vector<std::string> names = spec_.handles;
  names.push_back(kStartupClock);
  for (const auto& name : names) {
    Rights rights = Rights::kNone;
    auto handle = init_.own_handle(name, rights);
    if (!handle) {
      log_warning("{}: there is no handle {}", spec_.name, name);
      continue;
    }
    gifts.push_back({name, std::move(*handle), rights});
  }
  return {};
}

Result<void> Server::add_device_handles(std::vector<Gift>& gifts) {
  if (spec_.state_bytes != 0) {
    if (!state_) state_ = TRY(Memory::create(spec_.state_bytes));
    gifts.push_back({"state", TRY(state_.duplicate()), Rights::kRead | Rights::kWrite | Rights::kMap | Rights::kInspect});
  }
  for (usize i = 0; i < spec_.ports.size(); ++i) {
    const PortSpec& ports = spec_.ports[i];
    gifts.push_back({numbered("ports", i), TRY(PortRange::create(init_.resource(), ports.first, ports.count)),
                     Rights::kRead | Rights::kWrite | Rights::kInspect});
  }
  for (usize i = 0; i < spec_.interrupts.size(); ++i) {
    const InterruptSpec& line = spec_.interrupts[i];
    gifts.push_back({numbered("interrupt", i), TRY(Interrupt::create(init_.resource(), line.gsi, line.flags)),
                     Rights::kWait | Rights::kWrite | Rights::kInspect});
  }
  if (device_) TRY(device_->switch_on(gifts));
  return {};
}

Task<Result<std::vector<Gift>>> Server::make_gifts() {
  constexpr Rights kChannelRights = Rights::kRead | Rights::kWrite | Rights::kWait | Rights::kInspect | Rights::kTransfer;
  std::vector<Gift> gifts;
  CO_TRY(add_own_handles(gifts));
  CO_TRY(add_device_handles(gifts));
  if (!offers_.empty()) gifts.push_back({"listen", CO_TRY(init_.services().open(offers_)), kChannelRights});
  for (const auto& service : spec_.connect) {
    auto channel = co_await init_.services().connect({service, 0}, spec_.name);
    if (channel) {
      gifts.push_back({service, std::move(*channel), kChannelRights});
    } else {
      log_warning("{}: no service {}: {}", spec_.name, service, error_name(channel.error()));
    }
  }
  co_return gifts;
}

Result<LoadedProcess> Server::start(const std::vector<Gift>& gifts) {
  LoadRequest request{.image = image_, .arguments = {spec_.name}, .priority = spec_.priority};
  std::ranges::copy(spec_.arguments, std::back_inserter(request.arguments));
  for (const Gift& gift : gifts) request.handles.push_back({gift.name, gift.handle.get(), gift.rights});
  if (init_.placement(spec_) == Placement::kAttached) request.flags |= SpaceFlags::kAttached;
  return start_process(request);
}

// What the kernel may use for it. It begins with the kernel's defaults, so it cannot have taken more before.
Result<void> Server::set_limits(const LoadedProcess& process) const {
  SystemInfo info{};
  TRY(call::system_info(info));
  TRY(process.space.set_limit(SpaceLimit::kKernelBytes, info.memory_total / 100 * spec_.memory_percent));
  return process.space.set_limit(SpaceLimit::kKernelObjects, spec_.objects);
}

// For tests: hati.kill on the kernel's command line.
Task<void> Server::kill_on_order() {
  const auto order = kill_order(init_.command_line(), spec_.name);
  if (!order || ordered_kills_ >= order->count) co_return;
  if (!co_await sleep_for(order->after_ms * kNsPerMs)) co_return;
  ++ordered_kills_;
  (void)end();
}

// One life of the process, from start to end.
Task<Result<SpaceEnded>> Server::run_once() {
  auto gifts = CO_TRY(co_await make_gifts());
  auto [ours, theirs] = CO_TRY(Channel::create());
  gifts.push_back({kStartupInit, std::move(theirs), Rights::kRead | Rights::kWrite | Rights::kWait | Rights::kInspect});
  LoadedProcess process = CO_TRY(start(gifts));
  running_ = CO_TRY(process.space.duplicate());
  CO_TRY(set_limits(process));
  gifts.clear();  // from here on only the process holds them
  if (spec_.restart != Restart::kAlways && std::ranges::find(spec_.handles, kStartupBootImage) == spec_.handles.end()) {
    wants_boot_image_ = false;
    init_.maybe_release_boot_image();
  }
  Scope scope;
  scope.start(serve<system::SystemProtocol>(std::move(ours), *this));
  scope.start(kill_on_order());
  const auto ended = co_await space_wait(process.space.get());
  scope.cancel();
  co_await scope.join();
  running_.reset();
  if (ended) report(process, *ended);
  if (device_) {
    device_->switch_off();
    restless_.push_back(std::move(process.space));
  }
  co_return ended;
}

void Server::report(const LoadedProcess& process, const SpaceEnded& ended) const {
  switch (ended.how) {
    case ThreadEnd::kExited: log_info("{} has ended with code {}", spec_.name, ended.code); break;
    case ThreadEnd::kKilled: log_warning("{} was killed", spec_.name); break;
    case ThreadEnd::kFaulted: report_crash(spec_.name, process, ended, symbols_); break;
  }
}

bool Server::may_restart() {
  if (spec_.restart != Restart::kAlways) return false;
  if (std::exchange(ended_on_request_, false)) return true;  // it could not help it
  const u64 now = now_ns();
  std::erase_if(starts_ns_, [&](u64 start) { return now - start > kStartsWindowNs; });
  starts_ns_.push_back(now);
  return starts_ns_.size() <= kStartsMax;
}

Task<void> Server::run() {
  bool again = spec_.start == Start::kAtBoot || co_await init_.services().wait_wanted(offers_.front());
  while (again) {
    const auto ended = co_await run_once();
    if (!ended) log_error("{} cannot be run: {}", spec_.name, error_name(ended.error()));
    again = may_restart();
    init_.services().close(offers_, !again);
    if (!again) break;
    // Longer each time: a device that has just failed may need a moment.
    if (!starts_ns_.empty()) (void)co_await sleep_for(kBackOffNs << starts_ns_.size());
    log_info("starting {} again", spec_.name);
  }
  wants_boot_image_ = false;
  init_.maybe_release_boot_image();
  if (spec_.essential) {
    log_error("{} is essential and has ended", spec_.name);
    (void)call::power(init_.resource(), PowerAction::kPanic, 0);
  }
  if (spec_.restart == Restart::kAlways) log_error("{} ended too often and stays down", spec_.name);
}

Task<Result<EmptyReply>> Server::on(system::PowerRequest request, CallContext&) {
  if (!spec_.power) co_return fail(Error::kNoRight);
  CO_TRY(call::power(init_.resource(), request.action, request.code));
  co_return EmptyReply{};
}

Task<Result<EmptyReply>> Server::on(system::ConnectRequest request, CallContext& context) {
  const std::string service(request.service, strnlen(request.service, sizeof(request.service)));
  const auto lists = [&](const std::vector<std::string>& names) { return std::ranges::find(names, service) != names.end(); };
  if (!lists(spec_.connect) && !lists(spec_.may_connect)) co_return fail(Error::kNoRight);
  context.out.handles.push_back(CO_TRY(co_await init_.services().connect({service, request.instance}, spec_.name)));
  co_return EmptyReply{};
}

Task<Result<EmptyReply>> Server::on(system::ReleaseBootImageRequest, CallContext&) {
  wants_boot_image_ = false;
  init_.maybe_release_boot_image();
  co_return EmptyReply{};
}

Task<Result<EmptyReply>> Server::on(system::DeviceQuietRequest, CallContext&) {
  if (!device_) co_return fail(Error::kNoRight);
  restless_.clear();
  co_return EmptyReply{};
}

Task<Result<EmptyReply>> Server::on(system::EndServerRequest request, CallContext&) {
  const std::string name(request.name, strnlen(request.name, sizeof(request.name)));
  if (std::ranges::find(spec_.may_end, name) == spec_.may_end.end()) co_return fail(Error::kNoRight);
  Server* const server = init_.find_server(name);
  if (server == nullptr) co_return fail(Error::kNotFound);
  CO_TRY(server->end());
  co_return EmptyReply{};
}

}  // namespace hati::init
