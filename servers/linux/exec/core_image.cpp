// SPDX-License-Identifier: MIT
// Which parts of the memory a core file holds, and its headers.
#include "servers/linux/exec/core_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux {
namespace {

// MADV_DONTDUMP: whether the address is left out, and how far that holds, at most to `end`.
struct Piece {
  bool left_out;
  u64 end;
};
Piece piece_at(const std::vector<ForkRanges::Range>& ranges, u64 address, u64 end) {
  Piece piece{.left_out = false, .end = end};
  for (const ForkRanges::Range& range : ranges) {
    if (range.kind != ForkRanges::kDontDump || range.end <= address) continue;
    if (range.start <= address) return {true, std::min(end, range.end)};
    piece.end = std::min(piece.end, range.start);
  }
  return piece;
}

bool starts_with_elf_magic(const Mm& mm, u64 address) {
  char magic[SELFMAG];
  const auto got = debug_read(mm.memory(), address, magic, sizeof magic);
  return got && *got == sizeof magic && std::memcmp(magic, ELFMAG, SELFMAG) == 0;
}

// How much of a mapping is dumped (vma_dump_size() of Linux).
u64 bytes_to_dump(const Mm& mm, const MappingDescription& mapping, u32 filter) {
  const MappingInfo& info = mapping.info;
  if (info.tag == kTagVvar) return 0;
  if (info.tag == kTagVdso) return info.bytes;
  const bool shared = has(info.flags, MapFlags::kShared);
  if (shared) {
    bool named = false;
    if (mapping.file)
      if (const auto attributes = mapping.file->attributes()) named = attributes->links > 0;
    return (filter & (named ? kCoreFileShared : kCoreAnonymousShared)) != 0 ? info.bytes : 0;
  }
  if (info.private_bytes > 0 && (filter & kCoreAnonymousPrivate) != 0) return info.bytes;
  if (!mapping.file) return 0;
  if ((filter & kCoreFilePrivate) != 0) return info.bytes;
  const bool first_page = info.offset == 0 && has(info.protection, Protection::kRead);
  return (filter & kCoreElfHeaders) != 0 && first_page && starts_with_elf_magic(mm, info.address) ? kPageSize : 0;
}

u32 segment_flags(Protection protection) {
  u32 flags = 0;
  if (has(protection, Protection::kRead)) flags |= PF_R;
  if (has(protection, Protection::kWrite)) flags |= PF_W;
  if (has(protection, Protection::kExecute)) flags |= PF_X;
  return flags;
}

Elf64_Ehdr file_header(u16 segments) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = segments;
  return header;
}

void append(std::vector<u8>& bytes, const void* data, usize size) {
  const auto* from = static_cast<const u8*>(data);
  bytes.insert(bytes.end(), from, from + size);
}

}  // namespace

// A mapping is one segment, unless madvise(2) has cut it.
void add_segments(std::vector<CoreSegment>& segments, Mm& mm, const MappingDescription& mapping, u32 filter) {
  const auto ranges = mm.fork_ranges().list();
  const u64 dumped = bytes_to_dump(mm, mapping, filter), start = mapping.info.address, end = start + mapping.info.bytes;
  for (u64 address = start; address < end;) {
    const Piece piece = piece_at(ranges, address, end);
    const u64 there = start + dumped > address ? std::min(piece.end, start + dumped) - address : 0;
    segments.push_back({address, piece.end - address, piece.left_out ? 0 : there, 0, segment_flags(mapping.info.protection)});
    address = piece.end;
  }
}

SysResult<CoreImage> build_core(Thread& dumper, const SignalInfo& signal) {
  Mm& mm = dumper.mm();
  const u32 filter = dumper.process().core_filter.load(std::memory_order_relaxed);
  const std::vector<MappingDescription> mappings = describe_mappings(mm);
  const std::vector<u8> notes = TRY(core_notes(dumper, signal, mappings));

  CoreImage image;
  for (const MappingDescription& mapping : mappings) add_segments(image.segments, mm, mapping, filter);
  if (image.segments.size() >= PN_XNUM - 1) return fail(Errno::kFBIG);
  const u64 notes_offset = sizeof(Elf64_Ehdr) + (image.segments.size() + 1) * sizeof(Elf64_Phdr);
  u64 offset = page_ceil(notes_offset + notes.size());
  const Elf64_Ehdr header = file_header(static_cast<u16>(image.segments.size() + 1));
  append(image.head, &header, sizeof header);
  Elf64_Phdr entry{};
  entry.p_type = PT_NOTE;
  entry.p_offset = notes_offset;
  entry.p_filesz = notes.size();
  append(image.head, &entry, sizeof entry);
  for (CoreSegment& segment : image.segments) {
    segment.offset = offset;
    entry = {};
    entry.p_type = PT_LOAD;
    entry.p_flags = segment.flags;
    entry.p_offset = offset;
    entry.p_vaddr = segment.address;
    entry.p_filesz = segment.bytes;
    entry.p_memsz = segment.memory_bytes;
    entry.p_align = kPageSize;
    append(image.head, &entry, sizeof entry);
    offset += segment.bytes;
  }
  append(image.head, notes.data(), notes.size());
  return image;
}

}  // namespace hati::linux
