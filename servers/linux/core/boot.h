// SPDX-License-Identifier: MIT
// From the server's start to the first program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/task.h"
#include "servers/linux/core/world.h"

namespace hati::linux {

// The kernel's command line as Linux takes it apart (init/main.c): parameters of the kernel are consumed, unknown words go to init as arguments,
// unknown `name=value` as environment; everything after `--` as arguments. Portable, tested on the host.
struct CommandLine {
  std::string init, initramfs_init;   // init=, rdinit=
  std::string root, root_type;        // root=, rootfstype=
  bool root_read_only = true;         // ro (default), rw
  bool trace_calls = false;           // hati.strace
  std::vector<std::string> arguments, environment;
};
CommandLine parse_command_line(std::string_view text);

// Brings up the file tree and starts PID 1. Ends in a panic if no init can be run.
Task<> boot(World& world);

}  // namespace hati::linux
