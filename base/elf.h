// SPDX-License-Identifier: MIT
// ELF64 for x86-64 as loaders need it (System V ABI, chapters 4 and 5; psABI for x86-64). ElfImage is a checked view of untrusted bytes:
// after parse() every header, segment and string it hands out lies inside the bytes. It owns nothing and copies nothing.
#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace hati {

namespace elf {

struct Header {
  u8 magic[4];
  u8 file_class, byte_order, file_version, os_abi, abi_version, padding[7];
  u16 type, machine;
  u32 version;
  u64 entry, program_offset, section_offset;
  u32 flags;
  u16 header_bytes, program_entry_bytes, program_count, section_entry_bytes, section_count, section_names;
};
static_assert(sizeof(Header) == 64);

struct ProgramHeader {
  u32 type, flags;
  u64 offset, address, physical, file_bytes, memory_bytes, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

struct SectionHeader {
  u32 name, type;
  u64 flags, address, offset, bytes;
  u32 link, info;
  u64 alignment, entry_bytes;
};
static_assert(sizeof(SectionHeader) == 64);

struct Symbol {
  u32 name;
  u8 info, other;
  u16 section;
  u64 value, bytes;

  u8 type() const { return info & 15; }
};
static_assert(sizeof(Symbol) == 24);

struct Dynamic {
  i64 tag;
  u64 value;
};
static_assert(sizeof(Dynamic) == 16);

struct Relocation {
  u64 offset, info;
  i64 addend;
};
static_assert(sizeof(Relocation) == 24);

enum Type : u16 { kExecutable = 2, kShared = 3 };
enum Machine : u16 { kX86_64 = 62 };
enum ProgramType : u32 { kNull, kLoad, kDynamic, kInterp, kNote, kPhdr = 6, kTls = 7, kGnuStack = 0x6474e551, kGnuRelro = 0x6474e552 };
enum ProgramFlags : u32 { kFlagExecute = 1, kFlagWrite = 2, kFlagRead = 4 };
enum SectionType : u32 { kSectionSymbols = 2, kSectionStrings = 3 };
enum SymbolType : u8 { kNoType, kObject, kFunction };
enum DynamicTag : i64 { kDynamicEnd = 0, kRela = 7, kRelaSize = 8, kRelaEntry = 9 };
inline constexpr u32 kRelocationRelative = 8;  // R_X86_64_RELATIVE

// Auxiliary vector types (psABI 3.4.3 and getauxval(3)).
enum Aux : u64 {
  kAuxEnd = 0,
  kAuxProgramHeaders = 3,
  kAuxProgramEntryBytes = 4,
  kAuxProgramCount = 5,
  kAuxPageSize = 6,
  kAuxBase = 7,
  kAuxFlags = 8,
  kAuxEntry = 9,
  kAuxUserId = 11,
  kAuxEffectiveUserId = 12,
  kAuxGroupId = 13,
  kAuxEffectiveGroupId = 14,
  kAuxPlatform = 15,
  kAuxHardware = 16,
  kAuxClockTicks = 17,
  kAuxSecure = 23,
  kAuxRandom = 25,
  kAuxHardware2 = 26,
  kAuxFileName = 31,
  kAuxVdso = 33,
  kAuxMinimumSignalStack = 51,
};

}  // namespace elf

class ElfImage {
 public:
  static constexpr u32 kProgramHeadersMax = 256;
  static constexpr u64 kAddressEnd = u64{1} << 47;

  // `bytes`: the file, or (with file_bytes) a beginning of a file of that size that holds at least the headers. Any alignment.
  // kBadData: not an x86-64 program, headers outside the bytes, segments outside the file, wrapping, overlapping or unordered.
  static Result<ElfImage> parse(std::span<const u8> bytes, std::optional<u64> file_bytes = std::nullopt);

  const elf::Header& header() const { return header_; }
  bool position_independent() const { return header_.type == elf::kShared; }
  u32 program_count() const { return header_.program_count; }
  elf::ProgramHeader program(u32 index) const {
    return read<elf::ProgramHeader>(header_.program_offset + u64{index} * sizeof(elf::ProgramHeader));
  }
  // The first header of that type.
  std::optional<elf::ProgramHeader> find(elf::ProgramType type) const {
    for (u32 i = 0; i < program_count(); ++i)
      if (const auto found = program(i); found.type == type) return found;
    return std::nullopt;
  }

  // Page-aligned extent of the loadable segments, relative to the load bias.
  u64 first_address() const { return first_; }
  u64 end_address() const { return end_; }
  // The largest alignment that a segment asks for, at least a page.
  u64 alignment() const { return alignment_; }
  // Where the program headers are in memory, relative to the load bias; 0: in no segment.
  u64 program_headers_address() const;

  // Path of the interpreter; empty if there is none. kBadData: not within the bytes or not terminated.
  Result<std::string_view> interpreter() const;
  // A segment's bytes in the file; empty when they are beyond the bytes that parse() got.
  std::span<const u8> segment_bytes(const elf::ProgramHeader& segment) const;
  // The dynamic entry with that tag, found through the file.
  std::optional<u64> dynamic(elf::DynamicTag tag) const;

  // Calls f(name, const elf::Symbol&) for each entry of the symbol table (.symtab); false from f ends it. Needs the whole file.
  template <class F>
  void for_each_symbol(F&& f) const;
  std::optional<elf::Symbol> find_symbol(std::string_view name) const {
    std::optional<elf::Symbol> found;
    for_each_symbol([&](std::string_view candidate, const elf::Symbol& symbol) {
      if (candidate == name) found = symbol;
      return !found;
    });
    return found;
  }

 private:
  explicit ElfImage(std::span<const u8> bytes) : bytes_(bytes) {}

  bool inside(u64 offset, u64 count) const { return offset <= bytes_.size() && count <= bytes_.size() - offset; }
  template <class T>
  T read(u64 offset) const {  // the caller has checked inside()
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  Result<> check_header(u64 file_bytes) const;
  Result<> check_segments(u64 file_bytes);

  std::span<const u8> bytes_;
  elf::Header header_{};
  u64 first_ = 0, end_ = 0, alignment_ = kPageSize;
};

inline Result<ElfImage> ElfImage::parse(std::span<const u8> bytes, std::optional<u64> file_bytes) {
  ElfImage image(bytes);
  if (!image.inside(0, sizeof(elf::Header))) return fail(Error::kBadData);
  image.header_ = image.read<elf::Header>(0);
  const u64 size = file_bytes.value_or(bytes.size());
  TRY(image.check_header(size));
  TRY(image.check_segments(size));
  return image;
}

inline Result<> ElfImage::check_header(u64 file_bytes) const {
  const elf::Header& h = header_;
  const bool magic = h.magic[0] == 0x7f && h.magic[1] == 'E' && h.magic[2] == 'L' && h.magic[3] == 'F';
  const bool format = h.file_class == 2 && h.byte_order == 1 && h.machine == elf::kX86_64;
  const bool program = (h.type == elf::kExecutable || h.type == elf::kShared) && h.program_entry_bytes == sizeof(elf::ProgramHeader);
  if (!magic || !format || !program || bytes_.size() > file_bytes) return fail(Error::kBadData);
  if (h.program_count == 0 || h.program_count > kProgramHeadersMax) return fail(Error::kBadData);
  if (!inside(h.program_offset, u64{h.program_count} * sizeof(elf::ProgramHeader))) return fail(Error::kBadData);
  return {};
}

inline Result<> ElfImage::check_segments(u64 file_bytes) {
  bool any = false;
  u64 previous_end = 0;
  for (u32 i = 0; i < header_.program_count; ++i) {
    const auto p = program(i);
    if (p.offset > file_bytes || p.file_bytes > file_bytes - p.offset) {
      if (p.type == elf::kLoad || p.type == elf::kInterp || p.type == elf::kDynamic) return fail(Error::kBadData);
      continue;
    }
    if (p.type != elf::kLoad) continue;
    if (p.memory_bytes == 0 && p.file_bytes == 0) continue;
    if (p.file_bytes > p.memory_bytes || p.address >= kAddressEnd || p.memory_bytes > kAddressEnd - p.address) return fail(Error::kBadData);
    if ((p.address - p.offset) % kPageSize != 0) return fail(Error::kBadData);
    if (p.alignment > kPageSize && (p.alignment & (p.alignment - 1)) != 0) return fail(Error::kBadData);
    if (any && p.address < previous_end) return fail(Error::kBadData);
    previous_end = p.address + p.memory_bytes;
    if (!any) first_ = page_floor(p.address);
    end_ = page_ceil(previous_end);
    if (p.alignment > alignment_) alignment_ = p.alignment;
    any = true;
  }
  if (!any) return fail(Error::kBadData);
  return {};
}

inline u64 ElfImage::program_headers_address() const {
  const u64 bytes = u64{header_.program_count} * sizeof(elf::ProgramHeader);
  for (u32 i = 0; i < header_.program_count; ++i) {
    const auto p = program(i);
    if (p.type != elf::kLoad || header_.program_offset < p.offset) continue;
    const u64 within = header_.program_offset - p.offset;
    if (within <= p.file_bytes && bytes <= p.file_bytes - within) return p.address + within;
  }
  return 0;
}

inline std::span<const u8> ElfImage::segment_bytes(const elf::ProgramHeader& segment) const {
  if (!inside(segment.offset, segment.file_bytes)) return {};
  return bytes_.subspan(segment.offset, segment.file_bytes);
}

inline Result<std::string_view> ElfImage::interpreter() const {
  const auto segment = find(elf::kInterp);
  if (!segment) return std::string_view{};
  const auto bytes = segment_bytes(*segment);
  if (bytes.size() < 2 || bytes.back() != 0) return fail(Error::kBadData);
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  return std::string_view{text, __builtin_strlen(text)};
}

inline std::optional<u64> ElfImage::dynamic(elf::DynamicTag tag) const {
  const auto segment = find(elf::kDynamic);
  if (!segment || !inside(segment->offset, segment->file_bytes)) return std::nullopt;
  for (u64 at = 0; at + sizeof(elf::Dynamic) <= segment->file_bytes; at += sizeof(elf::Dynamic)) {
    const auto entry = read<elf::Dynamic>(segment->offset + at);
    if (entry.tag == tag) return entry.value;
    if (entry.tag == elf::kDynamicEnd) break;
  }
  return std::nullopt;
}

template <class F>
void ElfImage::for_each_symbol(F&& f) const {
  const u64 sections = u64{header_.section_count} * sizeof(elf::SectionHeader);
  if (header_.section_entry_bytes != sizeof(elf::SectionHeader) || !inside(header_.section_offset, sections)) return;
  const auto section = [&](u32 i) { return read<elf::SectionHeader>(header_.section_offset + u64{i} * sizeof(elf::SectionHeader)); };
  for (u32 i = 0; i < header_.section_count; ++i) {
    const auto table = section(i);
    if (table.type != elf::kSectionSymbols || table.link >= header_.section_count || !inside(table.offset, table.bytes)) continue;
    const auto strings = section(table.link);
    if (strings.bytes == 0 || !inside(strings.offset, strings.bytes) || bytes_[strings.offset + strings.bytes - 1] != 0) continue;
    for (u64 at = 0; at + sizeof(elf::Symbol) <= table.bytes; at += sizeof(elf::Symbol)) {
      const auto symbol = read<elf::Symbol>(table.offset + at);
      if (symbol.name >= strings.bytes) continue;
      if (!f(std::string_view(reinterpret_cast<const char*>(bytes_.data() + strings.offset + symbol.name)), symbol)) return;
    }
  }
}

}  // namespace hati
