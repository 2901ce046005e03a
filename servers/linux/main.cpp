// SPDX-License-Identifier: MIT
// Start of the Linux server: takes the handles that init gave it, brings up the file tree, and starts the first program with the words of the kernel's
// command line, as Linux's init/main.c does.
#include "runtime/executor.h"
#include "runtime/log.h"
#include "runtime/startup.h"
#include "servers/linux/core/boot.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

// A whole small Memory object as text, up to its zero byte.
std::string read_text(const OwnedHandle& memory) {
  char buffer[kPageSize] = {};
  const auto copied = call::copy(kOwnSpace, reinterpret_cast<u64>(buffer), memory.get(), 0, sizeof buffer - 1);
  return copied ? std::string(buffer) : std::string();
}

template <class T>
T take(std::string_view name) {
  auto handle = take_startup_handle(name);
  return handle ? T(handle->release()) : T();
}

void take_handles(World& world) {
  world.boot_image = take<Memory>(kStartupBootImage);
  if (const auto info = world.boot_image ? world.boot_image.memory_info() : fail(Error::kNotFound)) world.boot_image_bytes = info->bytes;
  if (const auto text = take_startup_handle(kStartupCommandLine)) world.command_line = read_text(*text);
  world.kernel_log = take<OwnedHandle>(kStartupLog);
  world.console = take<OwnedHandle>("console");
  world.system = Client<system::SystemProtocol>(take<Channel>(kStartupInit));
  SystemInfo info{};
  if (call::system_info(info)) world.cpu_count = info.cpu_count;
}

Task<int> serve(World& world) {
  co_await boot(world);
  // Everything else happens in the coroutines of threads and drivers.
  co_await world.scope().join();
  co_return 0;
}

}  // namespace
}  // namespace hati::linux

int main() {
  using namespace hati;
  using namespace hati::linux;
  log_set_name("linux");
  static World world;
  take_handles(world);
  const auto result = Runtime::run({.supervise = true, .submit_entries = 256, .complete_entries = 1024}, serve(world));
  if (!result) log_error("cannot run: {}", error_name(result.error()));
  return result.value_or(1);
}
