// SPDX-License-Identifier: MIT
// The contents of a core file: ELF header, notes and segments (core(5), System V ABI). Inside exec/ only.
#pragma once

#include "servers/linux/core/services.h"
#include "servers/linux/exec/core_dump.h"

namespace hati::linux {

// A mapping in the core: `bytes` of it are in the file, from `offset` on.
struct CoreSegment {
  u64 address = 0, memory_bytes = 0, bytes = 0, offset = 0;
  u32 flags = 0;  // PF_*
};

struct CoreImage {
  std::vector<u8> head;  // everything in front of the first segment's contents
  std::vector<CoreSegment> segments;
};

// All threads of the process lie still.
SysResult<CoreImage> build_core(Thread& dumper, const SignalInfo& signal);

// core_notes.cpp: the PT_NOTE segment.
SysResult<std::vector<u8>> core_notes(Thread& dumper, const SignalInfo& signal, const std::vector<MappingDescription>& mappings);

}  // namespace hati::linux
