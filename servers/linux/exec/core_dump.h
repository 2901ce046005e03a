// SPDX-License-Identifier: MIT
// Core dumps (core(5)): a process that a signal ends with "core" leaves an image of its memory and registers in a file. The thread that took the signal
// writes it while the others wait at their end; all of them still have their registers and the memory.
#pragma once

#include <string>
#include <vector>

#include "servers/linux/process/process.h"

namespace hati::linux {

// The signal's default action is to dump core: the process ends, and its core is written first if its limit and settings permit that.
void begin_core_dump(Thread& thread, const SignalInfo& info);
// At the end of each thread, while it is whole: writes the core or waits until it is written. Returns at once where no core is to be written.
Task<> take_part_in_core_dump(Thread& thread);

// The file's name from kernel.core_pattern; no value if the pattern names a pipe, which is not supported. `exe`: path of the program.
struct CoreFacts {
  Pid pid = 0;
  Tid tid = 0;
  u32 uid = 0, gid = 0;
  i32 signal = 0;
  i64 time_s = 0;
  u64 limit = 0;
  std::string host, comm, exe;
};
std::string expand_core_pattern(std::string_view pattern, const CoreFacts& facts, bool uses_pid);

// kernel.core_pattern and kernel.core_uses_pid.
std::string core_pattern();
void set_core_pattern(std::string_view pattern);  // cut to 127 bytes
bool core_uses_pid();
void set_core_uses_pid(bool value);

// Bits of /proc/PID/coredump_filter.
enum CoreFilter : u32 {
  kCoreAnonymousPrivate = 1,
  kCoreAnonymousShared = 2,
  kCoreFilePrivate = 4,
  kCoreFileShared = 8,
  kCoreElfHeaders = 16,
  kCoreHugePrivate = 32,
  kCoreFilterDefault = 0x33,
  kCoreFilterAll = 0x1ff,
};

}  // namespace hati::linux
