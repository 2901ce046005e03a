// SPDX-License-Identifier: MIT
// Parsing of executables (exec/elf_image.h); the rules are those of Linux's fs/binfmt_elf.c and fs/binfmt_script.c.
#include "servers/linux/exec/elf_image.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hati::linux {
namespace {

constexpr u16 kTypeExecutable = 2, kTypeShared = 3, kMachineX86_64 = 62;
constexpr u64 kHeadersMax = 65536;
constexpr u64 kAlignmentMax = u64{1} << 30;

ElfHeader header_of(std::span<const u8> head) {
  ElfHeader header{};
  std::memcpy(&header, head.data(), std::min(head.size(), sizeof header));
  return header;
}

// Adds one loadable segment to the bounds.
SysResult<> account(ElfImage& image, const ElfSegment& s, u64 limit) {
  const u64 in_page = s.address & (kPageSize - 1);
  if (s.file_bytes > s.memory_bytes || s.memory_bytes == 0 || s.memory_bytes > limit || s.address > limit - s.memory_bytes) return fail(Errno::kINVAL);
  if ((s.offset & (kPageSize - 1)) != in_page || s.offset + s.file_bytes + kPageSize < s.offset) return fail(Errno::kINVAL);
  const u64 end = page_ceil(s.address + s.memory_bytes);
  if (end > limit) return fail(Errno::kINVAL);
  image.first = image.last == 0 ? page_floor(s.address) : std::min(image.first, page_floor(s.address));
  image.last = std::max(image.last, end);
  if ((s.flags & kElfExecute) != 0) {
    image.code_start = std::min(image.code_start, s.address);
    image.code_end = std::max(image.code_end, s.address + s.file_bytes);
  }
  image.data_start = std::max(image.data_start, s.address);
  image.data_end = std::max(image.data_end, s.address + s.file_bytes);
  if (std::has_single_bit(s.alignment) && s.alignment <= kAlignmentMax) image.alignment = std::max(image.alignment, s.alignment);
  return {};
}

}  // namespace

SysResult<FileRange> elf_headers_range(std::span<const u8> head) {
  if (head.size() < sizeof(ElfHeader)) return fail(Errno::kNOEXEC);
  const ElfHeader header = header_of(head);
  if (std::memcmp(header.identity, "\177ELF", 4) != 0) return fail(Errno::kNOEXEC);
  if (header.type != kTypeExecutable && header.type != kTypeShared) return fail(Errno::kNOEXEC);
  if (header.machine != kMachineX86_64) return fail(Errno::kNOEXEC);
  if (header.program_header_size != sizeof(ElfSegment)) return fail(Errno::kNOEXEC);
  const u64 bytes = u64{header.program_header_count} * sizeof(ElfSegment);
  if (bytes == 0 || bytes > kHeadersMax) return fail(Errno::kNOEXEC);
  if (header.program_headers + bytes < header.program_headers || header.program_headers > ~u64{0} >> 1) return fail(Errno::kNOEXEC);
  return FileRange{header.program_headers, bytes};
}

SysResult<ElfImage> parse_elf(std::span<const u8> head, std::span<const u8> program_headers, u64 limit) {
  const FileRange range = TRY(elf_headers_range(head));
  if (program_headers.size() < range.bytes) return fail(Errno::kNOEXEC);
  const ElfHeader header = header_of(head);
  ElfImage image;
  image.position_independent = header.type == kTypeShared;
  image.entry = header.entry;
  image.segments.resize(header.program_header_count);
  std::memcpy(image.segments.data(), program_headers.data(), range.bytes);
  for (const ElfSegment& s : image.segments) {
    if (s.type == kElfLoad) {
      TRY(account(image, s, limit));
      if (s.offset <= range.offset && range.offset - s.offset < s.file_bytes) image.headers_address = s.address + (range.offset - s.offset);
    } else if (s.type == kElfInterpreter && !image.interpreter) {
      image.interpreter = s;
    } else if (s.type == kElfGnuStack) {
      image.executable_stack = (s.flags & kElfExecute) != 0;
    }
  }
  if (image.last == 0) return fail(Errno::kNOEXEC);  // nothing to run
  if (image.code_end == 0) image.code_start = image.first;
  return image;
}

bool is_script(std::span<const u8> head) { return head.size() >= 2 && head[0] == '#' && head[1] == '!'; }

SysResult<ScriptLine> parse_script(std::span<const u8> head) {
  head = head.first(std::min(head.size(), kScriptLineMax));
  std::string_view line(reinterpret_cast<const char*>(head.data()), head.size());
  line.remove_prefix(2);
  const bool whole_file = head.size() < kScriptLineMax;
  const usize end = line.find_first_of(std::string_view("\n\0", 2));
  const bool complete = end != std::string_view::npos || whole_file;
  line = line.substr(0, end);
  const auto blank = std::string_view(" \t");
  const usize start = line.find_first_not_of(blank);
  if (start == std::string_view::npos) return fail(Errno::kNOEXEC);
  line.remove_prefix(start);
  const usize name_end = line.find_first_of(blank);
  // A name that was cut off would run something else.
  if (name_end == std::string_view::npos && !complete) return fail(Errno::kNOEXEC);
  ScriptLine result{.interpreter = std::string(line.substr(0, name_end)), .argument = {}};
  if (name_end != std::string_view::npos) {
    std::string_view rest = line.substr(name_end);
    const usize argument = rest.find_first_not_of(blank);
    if (argument != std::string_view::npos) {
      rest = rest.substr(argument);
      result.argument = rest.substr(0, rest.find_last_not_of(blank) + 1);
    }
  }
  return result;
}

}  // namespace hati::linux
