// SPDX-License-Identifier: MIT
#include "servers/init/init.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/cpio.h"
#include "runtime/log.h"
#include "runtime/startup.h"

namespace hati::init {

namespace {

constexpr char kManifestPath[] = ".hati/manifest.toml";

Result<std::span<const std::byte>> find_file(std::span<const std::byte> boot_image, std::string_view path) {
  const auto entry = TRY(cpio_find({reinterpret_cast<const u8*>(boot_image.data()), boot_image.size()}, path));
  return std::as_bytes(entry.data);
}

}  // namespace

Result<void> Init::read_command_line() {
  if (!command_line_memory_) return {};
  std::array<char, kPageSize> text{};
  TRY(call::copy(kOwnSpace, reinterpret_cast<u64>(text.data()), command_line_memory_.get(), 0, text.size()));
  command_line_.assign(text.data(), strnlen(text.data(), text.size()));
  return {};
}

Result<void> Init::open() {
  resource_ = TRY(take_startup_handle(kStartupResource));
  boot_image_ = Memory(TRY(take_startup_handle(kStartupBootImage)).release());
  if (auto handle = take_startup_handle(kStartupCommandLine)) command_line_memory_ = std::move(*handle);
  if (auto handle = take_startup_handle(kStartupClock)) clock_ = std::move(*handle);
  TRY(read_command_line());

  const MemoryInfo info = TRY(boot_image_.memory_info());
  boot_mapping_ = TRY(boot_image_.map(0, info.bytes, Protection::kRead));
  const auto text = find_file(boot_mapping_.span(), kManifestPath);
  if (!text) {
    log_error("the boot image has no {}", kManifestPath);
    return fail(text.error());
  }
  auto manifest = parse_manifest({reinterpret_cast<const char*>(text->data()), text->size()});
  if (!manifest) {
    log_error("{}: {}", kManifestPath, manifest.error().text);
    return fail(Error::kBadData);
  }
  for (ServerSpec& spec : manifest->servers) servers_.push_back(std::make_unique<Server>(*this, std::move(spec)));
  if (!manifest->drivers.empty()) add_drivers(manifest->drivers);
  return {};
}

void Init::add_drivers(const std::vector<DriverSpec>& drivers) {
  std::vector<EcamWindow> windows = pci::Ecam::windows(resource_.get());
  if (windows.empty()) log_info("firmware names no PCI Express configuration space: no devices are looked for");
  ecam_ = std::make_unique<pci::Ecam>(resource_.get(), windows);
  std::vector<u32> instances(drivers.size());
  for (const pci::Function& function : pci::find_functions(*ecam_, windows)) {
    const auto fits = [&](const DriverSpec& d) {
      return std::ranges::any_of(d.matches, [&](const pci::Match& match) { return match.fits(function); });
    };
    const auto driver = std::ranges::find_if(drivers, fits);
    log_debug("pci {}: {:04x}:{:04x} class {:06x}{}", pci::to_text(function.address), function.vendor, function.device, function.class_code,
              driver == drivers.end() ? ", no driver" : "");
    if (driver == drivers.end()) continue;
    const u32 instance = instances[static_cast<usize>(driver - drivers.begin())]++;
    ServerSpec spec = driver->server;
    spec.name = numbered(spec.name, instance);
    spec.arguments.push_back("--instance=" + std::to_string(instance));
    log_info("{} drives {:04x}:{:04x} at {}", spec.name, function.vendor, function.device, pci::to_text(function.address));
    servers_.push_back(std::make_unique<Server>(*this, std::move(spec),
                                                std::make_unique<pci::Device>(*ecam_, resource_.get(), function, driver->interrupts)));
  }
  ecam_->forget();
}

Server* Init::find_server(std::string_view name) const {
  const auto found = std::ranges::find_if(servers_, [&](const auto& server) { return server->spec().name == name; });
  return found == servers_.end() ? nullptr : found->get();
}

Task<int> Init::run() {
  Scope scope;
  for (auto& server : servers_) server->declare_offers();
  for (auto& server : servers_) {
    if (auto prepared = server->prepare(boot_mapping_.span()); !prepared) {
      log_error("{}: cannot use {}: {}", server->spec().name, server->spec().path, error_name(prepared.error()));
      if (server->spec().essential) co_return 1;
      server->withdraw_offers();
      continue;
    }
    scope.start(server->run());
  }
  maybe_release_boot_image();
  co_await scope.join();
  co_return 0;
}

Result<OwnedHandle> Init::own_handle(std::string_view name, Rights& rights) const {
  const OwnedHandle* own = nullptr;
  rights = Rights::kRead | Rights::kMap | Rights::kInspect | Rights::kDuplicate | Rights::kTransfer;
  if (name == kStartupBootImage) own = &boot_image_;
  if (name == kStartupClock) own = &clock_;
  if (name == kStartupCommandLine) own = &command_line_memory_;
  if (name == kStartupResource) {
    own = &resource_;
    rights = Rights::kManage | Rights::kInspect;
  }
  if (name == kStartupLog) {
    own = &resource_;
    rights = Rights::kInspect;  // enough for kLogRead, and for nothing else
  }
  if (own == nullptr || !*own) return fail(Error::kNotFound);
  return own->duplicate();
}

Placement Init::placement(const ServerSpec& spec) const {
  if (spec.placement != Placement::kAuto) return spec.placement;
  const auto chosen = placement_override(command_line_, spec.name).value_or(Placement::kAuto);
  if (chosen != Placement::kAuto) return chosen;
  SystemInfo info{};
  const auto asked = call::system_info(info);
  // Changing address spaces is cheap with PCID; without, the server is better off in those it supervises.
  return asked && info.has_pcid == 0 ? Placement::kAttached : Placement::kSeparate;
}

void Init::maybe_release_boot_image() {
  for (const auto& server : servers_)
    if (server->wants_boot_image()) return;
  boot_mapping_ = Mapping();
  boot_image_.reset();
}

}  // namespace hati::init
