// SPDX-License-Identifier: MIT
// What execve(2) reads from an executable file: an ELF header with its program headers, or the first line of a script. The bytes come from anybody:
// everything is checked here, nothing later. Portable, tested on the host.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "servers/linux/core/errno.h"

namespace hati::linux {

struct ElfHeader {
  u8 identity[16];
  u16 type, machine;
  u32 version;
  u64 entry, program_headers, section_headers;
  u32 flags;
  u16 header_size, program_header_size, program_header_count, section_header_size, section_header_count, section_names;
};
static_assert(sizeof(ElfHeader) == 64);

struct ElfSegment {
  u32 type, flags;
  u64 offset, address, physical, file_bytes, memory_bytes, alignment;
};
static_assert(sizeof(ElfSegment) == 56);

enum ElfSegmentType : u32 { kElfLoad = 1, kElfInterpreter = 3, kElfHeaders = 6, kElfGnuStack = 0x6474e551 };
enum ElfSegmentFlags : u32 { kElfExecute = 1, kElfWrite = 2, kElfRead = 4 };

struct ElfImage {
  bool position_independent = false;
  u64 entry = 0;
  u64 headers_address = 0;         // AT_PHDR before the bias; 0 if they are in no segment
  std::vector<ElfSegment> segments;  // all program headers, in order
  bool executable_stack = false;
  std::optional<ElfSegment> interpreter;

  // Bounds of the loadable segments, page aligned; first < last.
  u64 first = 0, last = 0;
  u64 alignment = kPageSize;
  u64 code_start = ~u64{0}, code_end = 0, data_start = 0, data_end = 0;
};

// Where the program headers lie: (offset, bytes). kNOEXEC.
struct FileRange {
  u64 offset, bytes;
};
SysResult<FileRange> elf_headers_range(std::span<const u8> head);
// kNOEXEC; kINVAL for segments that cannot be mapped below `limit`.
SysResult<ElfImage> parse_elf(std::span<const u8> head, std::span<const u8> program_headers, u64 limit);

struct ScriptLine {
  std::string interpreter;
  std::string argument;  // empty: none
};
inline constexpr usize kScriptLineMax = 256;  // BINPRM_BUF_SIZE
bool is_script(std::span<const u8> head);
SysResult<ScriptLine> parse_script(std::span<const u8> head);

}  // namespace hati::linux
