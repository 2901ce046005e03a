// SPDX-License-Identifier: MIT
// The simple files of /proc/PID: command line, environment, limits and other single facts.
#include <algorithm>
#include <charconv>

#include "runtime/call.h"
#include "servers/linux/core/world.h"
#include "servers/linux/exec/core_dump.h"
#include "servers/linux/fs/procfs/node.h"

namespace hati::linux::proc {

namespace {

constexpr usize kAreaMax = 2 << 20;

SysResult<std::string> area(const Subject& subject, u64 Mm::Layout::* from, u64 Mm::Layout::* to) {
  const Ref<Mm> mm = subject.thread->get_mm();
  if (!mm) return std::string();
  u64 start = 0, end = 0;
  {
    SpinGuard guard(mm->brk_lock);
    start = mm->layout.*from;
    end = mm->layout.*to;
  }
  if (end <= start) return std::string();
  std::string text(std::min<u64>(end - start, kAreaMax), '\0');
  const auto read = mm->memory().read_some(start, text.data(), text.size());
  text.resize(read.value_or(0));
  return text;
}

SysResult<std::string> command_line(const Subject& subject, Thread*) {
  return area(subject, &Mm::Layout::arguments_start, &Mm::Layout::arguments_end);
}

SysResult<std::string> environment(const Subject& subject, Thread* reader) {
  if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
  return area(subject, &Mm::Layout::environment_start, &Mm::Layout::environment_end);
}

SysResult<std::string> auxiliary(const Subject& subject, Thread* reader) {
  if (!may_inspect(reader, subject)) return fail(Errno::kPERM);
  const Ref<Mm> mm = subject.thread->get_mm();
  if (!mm) return std::string();
  return std::string(reinterpret_cast<const char*>(mm->auxiliary.data()), mm->auxiliary.size() * sizeof(u64));
}

SysResult<std::string> comm(const Subject& subject, Thread*) { return subject.thread->comm() + "\n"; }
SysResult<> write_comm(const Subject& subject, Thread& writer, std::string_view text) {
  if (&writer.process() != subject.process.get()) return fail(Errno::kINVAL);
  subject.thread->set_comm(text.substr(0, text.find('\n')));
  return {};
}

SysResult<std::string> limits(const Subject& subject, Thread*) {
  struct Row {
    const char *name, *unit;
    int resource;
  };
  static constexpr Row kRows[] = {{"Max cpu time", "seconds", kLimitCpu},          {"Max file size", "bytes", kLimitFileSize},
                                  {"Max data size", "bytes", kLimitData},          {"Max stack size", "bytes", kLimitStack},
                                  {"Max core file size", "bytes", kLimitCore},     {"Max resident set", "bytes", kLimitResident},
                                  {"Max processes", "processes", kLimitProcesses}, {"Max open files", "files", kLimitFiles},
                                  {"Max locked memory", "bytes", kLimitMemlock},   {"Max address space", "bytes", kLimitAddressSpace},
                                  {"Max file locks", "locks", kLimitLocks},        {"Max pending signals", "signals", kLimitSigPending},
                                  {"Max msgqueue size", "bytes", kLimitMsgQueue},  {"Max nice priority", "", kLimitNice},
                                  {"Max realtime priority", "", kLimitRtPriority}, {"Max realtime timeout", "us", kLimitRtTime}};
  Text text;
  text.print("{:<25} {:<20} {:<20} {:<10}\n", std::string_view("Limit"), std::string_view("Soft Limit"), std::string_view("Hard Limit"),
             std::string_view("Units"));
  const auto shown = [](u64 value) { return value == kUnlimited ? std::string("unlimited") : std::to_string(value); };
  for (const Row& row : kRows) {
    const ResourceLimit limit = subject.process->limit_pair(row.resource);
    text.print("{:<25} {:<20} {:<20} {:<10}\n", std::string_view(row.name), std::string_view(shown(limit.soft)),
               std::string_view(shown(limit.hard)), std::string_view(row.unit));
  }
  return text.take();
}

SysResult<std::string> oom_adjust(const Subject& subject, Thread*) {
  return std::to_string(subject.process->oom_score_adjust.load()) + "\n";
}
SysResult<> write_oom_adjust(const Subject& subject, Thread& writer, std::string_view text) {
  i32 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < -1000 || value > 1000) return fail(Errno::kINVAL);
  if (value < subject.process->oom_score_adjust && !writer.capable(kCapSysResource)) return fail(Errno::kACCES);
  subject.process->oom_score_adjust = value;
  return {};
}

SysResult<std::string> core_filter(const Subject& subject, Thread* reader) {
  if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
  Text text;
  text.print("{:08x}\n", subject.process->core_filter.load(std::memory_order_relaxed));
  return text.take();
}
SysResult<> write_core_filter(const Subject& subject, Thread&, std::string_view text) {
  text = text.substr(0, text.find('\n'));
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  u32 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return fail(Errno::kINVAL);
  subject.process->core_filter.store(value & kCoreFilterAll, std::memory_order_relaxed);
  return {};
}

SysResult<std::string> io(const Subject& subject, Thread* reader) {
  if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
  return std::string("rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
}

SysResult<std::string> personality(const Subject& subject, Thread*) {
  Text text;
  text.print("{:08x}\n", subject.process->personality.load());
  return text.take();
}

// The value that /proc/PID/oom_score has for a process of this size: 0 to 2000 (oom_badness()).
SysResult<std::string> oom_score(const Subject& subject, Thread*) {
  const Ref<Mm> mm = subject.thread->get_mm();
  SystemInfo system{};
  if (!mm || !call::system_info(system) || system.memory_total == 0) return std::string("0\n");
  const i64 adjust = subject.process->oom_score_adjust.load();
  const auto space = mm->space().space_info();
  if (adjust == -1000 || !space) return std::string("0\n");
  const i64 badness = static_cast<i64>(space->resident_bytes * 1000 / system.memory_total) + adjust;
  return std::to_string(std::max<i64>((1000 + badness) * 2 / 3, 0)) + "\n";
}

// There is one user namespace: every id stands for itself.
SysResult<std::string> id_map(const Subject&, Thread*) { return std::string("         0          0 4294967295\n"); }

constexpr ProcessFile kFiles[] = {
    {"auxv", 0400, auxiliary, nullptr},
    {"cgroup", 0444, [](const Subject&, Thread*) -> SysResult<std::string> { return std::string("0::/\n"); }, nullptr},
    {"cmdline", 0444, command_line, nullptr},
    {"comm", 0644, comm, write_comm},
    {"coredump_filter", 0644, core_filter, write_core_filter},
    {"environ", 0400, environment, nullptr},
    {"gid_map", 0444, id_map, nullptr},
    {"io", 0400, io, nullptr},
    {"limits", 0444, limits, nullptr},
    {"maps", 0444, maps_text, nullptr},
    {"mountinfo", 0444, mountinfo_text, nullptr},
    {"mounts", 0444, mounts_text, nullptr},
    {"oom_score", 0444, oom_score, nullptr},
    {"oom_score_adj", 0644, oom_adjust, write_oom_adjust},
    {"personality", 0400, personality, nullptr},
    {"setgroups", 0444, [](const Subject&, Thread*) -> SysResult<std::string> { return std::string("allow\n"); }, nullptr},
    {"smaps", 0444, smaps_text, nullptr},
    {"stat", 0444, stat_text, nullptr},
    {"statm", 0444, statm_text, nullptr},
    {"status", 0444, status_text, nullptr},
    {"syscall", 0400, syscall_text, nullptr},
    {"uid_map", 0444, id_map, nullptr},
    {"wchan", 0444, [](const Subject&, Thread*) -> SysResult<std::string> { return std::string("0"); }, nullptr},
};

}  // namespace

std::span<const ProcessFile> process_files() { return kFiles; }

}  // namespace hati::linux::proc
