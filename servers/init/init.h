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
#include "servers/init/manifest.h"
#include "servers/init/services.h"
#include "servers/init/symbols.h"

namespace hati::init {

class Init;

// One line of the manifest come to life. Its life is run(): start, wait, report, start again.
class Server {
 public:
  Server(Init& init, ServerSpec spec) : init_(init), spec_(std::move(spec)) {}
  Task<void> run();

  const ServerSpec& spec() const { return spec_; }
  // Copies out of the boot image what is needed later; its bytes may go afterwards.
  Result<void> prepare(std::span<const std::byte> boot_image);
  bool wants_boot_image() const { return wants_boot_image_; }

  // protocols/system.h, as this server may use it.
  Task<Result<EmptyReply>> on(system::PowerRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(system::ConnectRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(system::ReleaseBootImageRequest request, CallContext& context);

 private:
  // Handles that are made for one start of the server; its process gets duplicates.
  struct Gift {
    std::string name;
    OwnedHandle handle;
    Rights rights;
  };
  Task<Result<std::vector<Gift>>> make_gifts();
  Result<void> add_own_handles(std::vector<Gift>& gifts);
  Result<void> add_device_handles(std::vector<Gift>& gifts);
  Result<LoadedProcess> start(const std::vector<Gift>& gifts);
  Result<void> set_limits(const LoadedProcess& process) const;
  Task<void> kill_on_order(const LoadedProcess& process);
  Task<Result<SpaceEnded>> run_once();
  void report(const LoadedProcess& process, const SpaceEnded& ended) const;
  bool may_restart();

  Init& init_;
  const ServerSpec spec_;
  std::span<const std::byte> image_;      // in the boot image, or kept_image_
  std::vector<std::byte> kept_image_;
  SymbolTable symbols_;
  bool wants_boot_image_ = false;
  Memory state_;                          // of spec_.state_bytes, from the first start on
  u32 ordered_kills_ = 0;                 // carried out so far
  bool killed_on_order_ = false;
  std::vector<u64> starts_ns_;            // recent ones, for the restart limit
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
  // A duplicate of one of our start-up handles, read-only where that makes sense.
  Result<OwnedHandle> own_handle(std::string_view name, Rights& rights) const;
  Placement placement(const ServerSpec& spec) const;
  // Once no server needs the boot image any more, its memory is given back.
  void maybe_release_boot_image();

 private:
  Result<void> read_command_line();

  OwnedHandle resource_, clock_, command_line_memory_;
  Memory boot_image_;
  Mapping boot_mapping_;
  std::string command_line_;
  Services services_;
  std::vector<std::unique_ptr<Server>> servers_;
};

}  // namespace hati::init
