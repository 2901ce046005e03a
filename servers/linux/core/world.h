// SPDX-License-Identifier: MIT
// The state of the whole Linux system, made once by main() before the first program runs and never destroyed: the table of processes, what the kernel
// told at boot, and the server's services. Reached through Thread::world() or World::get().
#pragma once

#include <memory>
#include <string>

#include "abi/startup.h"
#include "protocols/system.h"
#include "runtime/handle.h"
#include "runtime/scope.h"
#include "runtime/spinlock.h"
#include "servers/linux/core/types.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/process/table.h"

namespace hati::linux {

class Process;
class Thread;
class Vfs;  // vfs/: mounts, device registry, file systems; made by vfs_start()

class World {
 public:
  static World& get();  // the only one
  World();

  ProcessTable& processes() { return processes_; }
  Scope& scope() { return scope_; }  // background tasks: threads, timers

  std::string command_line;  // as the boot loader gave it
  Memory boot_image;  // the initial ram disk: cpio archive, read and map rights
  u64 boot_image_bytes = 0;
  OwnedHandle kernel_log;  // for kLogRead alone; none: syslog(2) reads fail
  OwnedHandle console;  // channel to the console's driver (protocols/console.h); tty/ takes it
  Client<system::SystemProtocol> system;  // init: power, connections to other servers
  Memory clock_memory;  // ClockPage, for the vDSO
  u32 cpu_count = 1;

  Ref<Process> init;  // PID 1
  Vfs* vfs = nullptr;  // owned by vfs/

  // ns since 1970 = now_ns() + wall_offset(). Set by clock_settime(2).
  i64 wall_offset() const { return wall_offset_.load(std::memory_order_relaxed); }
  void set_wall_offset(i64 offset_ns);
  WaitQueue& wall_changed() { return wall_changed_; }  // the wall clock was set: absolute realtime timers, TFD_TIMER_CANCEL_ON_SET

  std::atomic<bool> ctrl_alt_del{true};
  std::atomic<u64> forks{0};  // /proc/stat "processes"
  std::atomic<u64> load[3]{};  // load averages, fixed point 1/65536
  bool trace_calls = false;  // hati.strace on the command line

 private:
  ProcessTable processes_;
  Scope scope_;
  std::atomic<i64> wall_offset_{0};
  WaitQueue wall_changed_;
};

// ns since boot and since 1970.
u64 monotonic_ns();
i64 realtime_ns();

}  // namespace hati::linux
