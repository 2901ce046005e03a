// SPDX-License-Identifier: MIT
// What a native process finds when it starts: the stack of a Linux program (argc, argv, envp, auxv; see the System V psABI), so that
// glibc's static start-up code works, plus one auxiliary vector entry that points to the handles it was given, by name.
#pragma once

#include "abi/object.h"

namespace hati {

inline constexpr u64 kAuxStartup = 0x48415449;  // auxv type; value: address of a Startup

struct StartupHandle {
  char name[28];  // zero-terminated
  Handle handle;
};
static_assert(sizeof(StartupHandle) == 32);

struct Startup {
  u32 count;
  u32 reserved;
  StartupHandle handles[31];
};

// Names that the kernel gives to the first process, servers/init.
inline constexpr char kStartupResource[] = "resource";      // Resource with all rights
inline constexpr char kStartupBootImage[] = "boot-image";   // Memory: the initial ram disk as loaded, read and map
inline constexpr char kStartupCommandLine[] = "command-line";  // Memory of one page: zero-terminated text
inline constexpr char kStartupLog[] = "log";  // Resource, only to read the kernel's log (kInspect); init gives it to servers
inline constexpr char kStartupClock[] = "clock";  // Memory of one page: ClockPage, read-only

// Everything needed to read the clock without the kernel; constant after boot, except that a sequence count guards it.
// Where the processor has RDTSCP or RDPID, they give the CPU's number (IA32_TSC_AUX).
// ns since boot = ((rdtsc - tsc_base) * multiplier) >> shift, with a 128-bit product.
struct ClockPage {
  u32 sequence;  // odd while being changed
  u32 shift;
  u64 multiplier;
  u64 tsc_base;
  i64 wall_offset_ns;  // add to ns since boot for ns since 1970
  u64 tsc_hz;
};

}  // namespace hati
