// SPDX-License-Identifier: MIT
// The driver's process: the device that init found, and the clients that init sends.
#include <charconv>

#include "drivers/virtio-block/session.h"
#include "drivers/virtio/kernel_pins.h"
#include "protocols/system.h"
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/startup.h"

namespace hati::virtio_block {
namespace {

// Accepts connections; each client is served in the scope.
struct Listener {
  Task<Result<EmptyReply>> on(system::AcceptRequest, CallContext& context) {
    if (context.in.handles.size() != 1) co_return fail(Error::kBadData);
    clients.start(Session::serve_client(disk, pins, name, Channel(context.in.handles[0].release())));
    co_return EmptyReply{};
  }
  Disk& disk;
  virtio::Pins& pins;
  const std::string& name;
  Scope& clients;
};

// As Linux counts them: vda .. vdz, vdaa ..
std::string disk_name(u32 instance) {
  constexpr u32 kLetters = 26;
  std::string letters;
  for (u32 n = instance + 1; n > 0; n = (n - 1) / kLetters) letters.insert(letters.begin(), static_cast<char>('a' + (n - 1) % kLetters));
  return "vd" + letters;
}

Result<virtio::Transport> find_device(virtio::Bars& bars) {
  const Memory config(TRY(take_startup_handle("config")).release());
  const Mapping mapping = TRY(config.map(0, kPageSize, Protection::kRead));
  // Registers are read as registers: aligned words.
  std::vector<u32> words(kPageSize / sizeof(u32));
  for (usize i = 0; i < words.size(); ++i) words[i] = mapping.as<volatile u32>()[i];
  return virtio::Transport::create(std::as_bytes(std::span(words)), bars);
}

std::vector<Interrupt> take_interrupts() {
  std::vector<Interrupt> interrupts;
  for (std::string name = "interrupt";; name = "interrupt" + std::to_string(interrupts.size())) {
    auto handle = take_startup_handle(name);
    if (!handle) return interrupts;
    interrupts.emplace_back(handle->release());
  }
}

Task<int> run(u32 instance) {
  auto listen = take_startup_handle("listen");
  auto dma = take_startup_handle("dma");
  auto init_channel = take_startup_handle(kStartupInit);
  virtio::StartupBars bars;
  auto transport = find_device(bars);
  if (!listen || !dma || !init_channel || !transport) {
    log_error("no device: {}", transport ? "a handle is missing" : error_name(transport.error()));
    co_return 1;
  }
  virtio::KernelPins pins(Dma(dma->release()));
  Disk disk(*std::move(transport), pins);
  if (auto opened = disk.open(take_interrupts(), Runtime::worker_count()); !opened) {
    log_error("cannot use the device: {}", error_name(opened.error()));
    co_return 1;
  }
  // It was reset on the way: what an earlier instance had given it is over.
  Client<system::SystemProtocol> init(Channel(init_channel->release()));
  (void)co_await init.call(system::DeviceQuietRequest{});
  const std::string name = disk_name(instance);
  const Geometry& geometry = disk.geometry();
  log_info("{}: {} MiB in blocks of {}, {} queues{}", name, geometry.sectors / 2048, geometry.block_bytes, disk.lanes(),
           (geometry.flags & block::kDiskReadOnly) != 0 ? ", read-only" : "");
  Scope scope;
  scope.start(disk.run());
  Listener listener{disk, pins, name, scope};
  co_await serve<system::ListenProtocol>(Channel(listen->release()), listener);
  scope.cancel();
  co_await scope.join();
  co_return 0;
}

}  // namespace
}  // namespace hati::virtio_block

int main(int count, char** arguments) {
  using namespace hati;
  constexpr std::string_view kInstance = "--instance=";
  u32 instance = 0;
  for (const std::string_view word : std::span(arguments, static_cast<usize>(count)))
    if (word.starts_with(kInstance)) std::from_chars(word.data() + kInstance.size(), word.data() + word.size(), instance);
  log_set_name(count > 0 ? arguments[0] : "virtio-block");
  const auto result = Runtime::run({.submit_entries = 64, .complete_entries = 256}, virtio_block::run(instance));
  if (!result) log_error("cannot run: {}", error_name(result.error()));
  return result.value_or(1);
}
