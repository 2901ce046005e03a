// SPDX-License-Identifier: MIT
// /proc/PID/maps and smaps.
#include "servers/linux/core/services.h"
#include "servers/linux/fs/procfs/node.h"
#include "servers/linux/vfs/inode.h"

namespace hati::linux::proc {

namespace {

constexpr usize kNameColumn = 73;  // where Linux begins the name

void map_line(Text& text, const MappingDescription& mapping, const Path& root) {
  const MappingInfo& info = mapping.info;
  const auto letter = [&](Protection bit, char c) { return has(info.protection, bit) ? c : '-'; };
  u64 inode = 0, offset = 0;
  u32 device = 0;
  std::string name = mapping.name;
  if (mapping.file) {
    offset = info.offset;
    if (const auto attributes = mapping.file->attributes()) {
      inode = attributes->inode;
      device = attributes->device;
    }
    name = file_text(*mapping.file, root);
  }
  Text line;
  line.print("{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", info.address, info.address + info.bytes, letter(Protection::kRead, 'r'),
             letter(Protection::kWrite, 'w'), letter(Protection::kExecute, 'x'), has(info.flags, MapFlags::kShared) ? 's' : 'p', offset,
             device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00), inode);
  std::string start = line.take();
  if (!name.empty() && start.size() < kNameColumn) start.append(kNameColumn - start.size(), ' ');
  text.print("{}{}\n", std::string_view(start), std::string_view(name));
}

SysResult<std::string> mappings(const Subject& subject, Thread* reader, bool sizes) {
  if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
  const Ref<Mm> mm = subject.thread->get_mm();
  if (!mm) return std::string();
  const Path root = root_of(reader);
  Text text;
  for (const MappingDescription& mapping : describe_mappings(*mm)) {
    map_line(text, mapping, root);
    if (!sizes) continue;
    const MappingInfo& info = mapping.info;
    const u64 shared = info.resident_bytes - std::min(info.resident_bytes, info.private_bytes);
    const auto line = [&](const char* name, u64 bytes) { text.print("{:<15} {:>8} kB\n", std::string_view(name), bytes / 1024); };
    line("Size:", info.bytes);
    line("KernelPageSize:", kPageSize);
    line("MMUPageSize:", kPageSize);
    line("Rss:", info.resident_bytes);
    line("Pss:", info.resident_bytes);
    line("Shared_Clean:", shared);
    line("Shared_Dirty:", 0);
    line("Private_Clean:", 0);
    line("Private_Dirty:", info.private_bytes);
    line("Referenced:", info.resident_bytes);
    line("Anonymous:", info.private_bytes);
    line("Swap:", 0);
    line("Locked:", 0);
  }
  return text.take();
}

}  // namespace

SysResult<std::string> maps_text(const Subject& subject, Thread* reader) { return mappings(subject, reader, false); }
SysResult<std::string> smaps_text(const Subject& subject, Thread* reader) { return mappings(subject, reader, true); }

}  // namespace hati::linux::proc
