// SPDX-License-Identifier: MIT
// From the server's start to the first program (core/boot.h).
#include "servers/linux/core/boot.h"

#include "runtime/log.h"
#include "runtime/startup.h"
#include "servers/linux/core/services.h"
#include "servers/linux/exec/exec.h"
#include "servers/linux/process/fork.h"
#include "servers/linux/process/load_average.h"
#include "servers/linux/process/power.h"
#include "servers/linux/time/vvar.h"

namespace hati::linux {
namespace {

Task<bool> try_init(Thread& thread, std::string path, CommandLine line) {
  StringList arguments, environment;
  arguments.add(path);
  for (const std::string& word : line.arguments) arguments.add(word);
  for (const std::string& word : line.environment) environment.add(word);
  const SysResult<> done = co_await execute(thread, kAtFdCwd, path, std::move(arguments), std::move(environment), 0);
  if (done) {
    log_info("Run {} as init process", path);
    co_return true;
  }
  if (done.error() != Errno::kNOENT) log_error("Starting init: {} exists but couldn't execute it (error {})", path, -static_cast<i32>(done.error()));
  co_return false;
}

Task<> panic(World& world, std::string text) {
  log_error("Kernel panic - not syncing: {}", text);
  co_await power(world, PowerAction::kPanic, 0);
}

// rdinit= (or /init) of the initramfs; else root= is mounted and init= or the usual places are tried.
Task<bool> start_init(World& world, Thread& thread, CommandLine line) {
  const std::string first = line.initramfs_init.empty() ? "/init" : line.initramfs_init;
  if (co_await try_init(thread, first, line)) co_return true;
  if (!line.root.empty()) {
    if (const auto mounted = co_await vfs_mount_root(world, line.root, line.root_type, line.root_read_only); !mounted) {
      co_await panic(world, "VFS: Unable to mount root fs on " + line.root);
      co_return false;
    }
    thread.set_fs(vfs_initial_context(world));
  }
  if (!line.init.empty()) {
    if (co_await try_init(thread, line.init, line)) co_return true;
    co_await panic(world, "Requested init " + line.init + " failed.");
    co_return false;
  }
  for (const char* path : {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"})
    if (co_await try_init(thread, path, line)) co_return true;
  co_await panic(world, "No working init found.  Try passing init= option to kernel.");
  co_return false;
}

Result<void> make_clock_pages(World& world) {
  auto clock = take_startup_handle(kStartupClock);
  if (!clock) return {};  // programs do without a vDSO
  world.clock_memory = Memory(clock->release());
  return create_vvar(world.clock_memory.get());
}

}  // namespace

Task<> boot(World& world) {
  const CommandLine line = parse_command_line(world.command_line);
  world.trace_calls = line.trace_calls;
  if (const auto made = make_clock_pages(world); !made) log_warning("no vDSO: {}", error_name(made.error()));
  if (const auto started = co_await vfs_start(world); !started) log_error("file systems: error {}", -static_cast<i32>(started.error()));
  auto thread = ThreadFactory::first(world, Ref<FdTable>::adopt(new FdTable), vfs_initial_context(world));
  if (!thread) {
    log_error("no memory for the first process");
    co_return;
  }
  co_await vfs_open_console(**thread);
  start_load_average(world);
  if (co_await start_init(world, **thread, line)) ThreadFactory::start(*thread);
}

}  // namespace hati::linux
