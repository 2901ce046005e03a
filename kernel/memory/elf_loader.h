// SPDX-License-Identifier: MIT
// Loads the first process: a static or static position-independent ELF program out of the initial ram disk, and its initial stack as the
// System V psABI (3.4.1) and abi/startup.h describe it. All later programs are loaded by user space.
#pragma once

#include <span>
#include <string_view>

#include "abi/startup.h"
#include "base/result.h"
#include "kernel/memory/address_space.h"

namespace hati {

struct LoadedProgram {
  u64 entry;
  u64 program_headers;  // address of the headers in memory, 0 if they are in no segment
  u32 program_count;
  u64 end;              // page-aligned end of the last segment
};

// Maps the segments at `base` (position-independent programs only; page aligned) and copies their bytes. kBadData: not such a program,
// or it names an interpreter. kInvalidArgument: it does not fit into the space's addresses.
Result<LoadedProgram> load_program(AddressSpace& space, std::span<const u8> image, u64 base);

struct InitialStack {
  u64 top;              // page aligned; the stack grows down from here
  u64 bytes;            // of address space
  std::span<const std::string_view> arguments, environment;
  std::span<const StartupHandle> handles;  // at most 31
  u64 hardware = 0, hardware2 = 0;         // AT_HWCAP, AT_HWCAP2
  u8 random[16] = {};                      // AT_RANDOM
};

// Maps and fills the stack; returns the initial stack pointer, 16-byte aligned. kTooBig: more than 32 KiB of arguments.
Result<u64> build_stack(AddressSpace& space, const LoadedProgram& program, const InitialStack& stack);

}  // namespace hati
