// SPDX-License-Identifier: MIT
// State of the first process: its own start-up handles, the boot image, the services, the running servers. One worker, so
// nothing here needs a lock.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/system.h"
#include "runtime/loader.h"
#include "runtime/scope.h"
#include "servers/init/gift.h"
#include "servers/init/manifest.h"
#include "servers/init/pci/device.h"
#include "servers/init/services.h"
#include "servers/init/symbols.h"

namespace hati::init {

class Init;

// One line of the manifest come to life. Its life is run(): start, wait, report, start again.
class Server {
 public:
  // `device`: null unless it is a driver of one.
  Server(Init& init, ServerSpec spec, std::unique_ptr<pci::Device> device = nullptr)
      : init_(init), spec_(std::move(spec)), device_(std::move(device)) {}
  Task<void> run();

  const ServerSpec& spec() const { return spec_; }
  // Before anything is started.
  void declare_offers();
  void withdraw_offers();
  // Ends the running process as a crash would. kNotFound: there is none.
  Result<void> end();
  // Copies out of the boot image what is needed later; its bytes may go afterwards.
  Result<void> prepare(std::span<const std::byte> boot_image);
  bool wants_boot_image() const { return wants_boot_image_; }

  // protocols/system.h, as this server may use it.
  Task<Result<EmptyReply>> on(system::PowerRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(system::ConnectRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(system::ReleaseBootImageRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(system::DeviceQuietRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(system::EndServerRequest request, CallContext& context);

 private:
  Task<Result<std::vector<Gift>>> make_gifts();
  Result<void> add_own_handles(std::vector<Gift>& gifts);
  Result<void> add_device_handles(std::vector<Gift>& gifts);
  Result<LoadedProcess> start(const std::vector<Gift>& gifts);
  Result<void> set_limits(const LoadedProcess& process) const;
  Task<void> kill_on_order();
  Task<Result<SpaceEnded>> run_once();
  void report(const LoadedProcess& process, const SpaceEnded& ended) const;
  bool may_restart();

  Init& init_;
  const ServerSpec spec_;
  const std::unique_ptr<pci::Device> device_;
  std::vector<Offer> offers_;
  OwnedHandle running_;                   // the process's space
  bool ended_on_request_ = false;
  // Processes that have ended. Their device may still write to the memory that they pinned for it, which is theirs as long as these handles exist.
  std::vector<OwnedHandle> restless_;
  std::span<const std::byte> image_;  // in the boot image, or kept_image_
  std::vector<std::byte> kept_image_;
  SymbolTable symbols_;
  bool wants_boot_image_ = false;
  Memory state_;  // of spec_.state_bytes, from the first start on
  u32 ordered_kills_ = 0;  // carried out so far
  std::vector<u64> starts_ns_;  // recent ones, for the restart limit
};

class Init {
 public:
  // Takes the start-up handles. Fails without a resource, a boot image or a valid manifest.
  Result<void> open();
  // Starts everything; ends only if nothing is left to run.
  Task<int> run();

  Services& services() { return services_; }
  Handle resource() const { return resource_.get(); }
  const std::string& command_line() const { return command_line_; }
  // Null if there is none.
  Server* find_server(std::string_view name) const;
  // A duplicate of one of our start-up handles, read-only where that makes sense.
  Result<OwnedHandle> own_handle(std::string_view name, Rights& rights) const;
  Placement placement(const ServerSpec& spec) const;
  // Once no server needs the boot image any more, its memory is given back.
  void maybe_release_boot_image();

 private:
  Result<void> read_command_line();
  // Makes a server for each device that a driver in the manifest fits.
  void add_drivers(const std::vector<DriverSpec>& drivers);

  OwnedHandle resource_, clock_, command_line_memory_;
  Memory boot_image_;
  Mapping boot_mapping_;
  std::string command_line_;
  Services services_;
  std::unique_ptr<pci::Ecam> ecam_;
  std::vector<std::unique_ptr<Server>> servers_;
};

}  // namespace hati::init
