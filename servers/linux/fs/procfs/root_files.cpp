// SPDX-License-Identifier: MIT
// Files about the whole system in the root of /proc.
#include <algorithm>

#include "runtime/call.h"
#include "runtime/clock.h"
#include "servers/linux/core/version.h"
#include "servers/linux/core/world.h"
#include "servers/linux/fs/procfs/node.h"
#include "servers/linux/ipc/namespace.h"
#include "servers/linux/vfs/device.h"
#include "servers/linux/vfs/file_systems.h"

namespace hati::linux::proc {

namespace {

constexpr u64 kTick = 10'000'000;  // USER_HZ is 100

SystemInfo system_info() {
  SystemInfo info{};
  (void)call::system_info(info);
  return info;
}

std::string meminfo(Thread*) {
  const SystemInfo info = system_info();
  Text text;
  const auto line = [&](const char* name, u64 bytes) { text.print("{:<15} {:>8} kB\n", std::string_view(name), bytes / 1024); };
  line("MemTotal:", info.memory_total);
  line("MemFree:", info.memory_free);
  line("MemAvailable:", info.memory_free);
  line("Buffers:", 0);
  line("Cached:", info.memory_cache);
  line("SwapCached:", 0);
  line("Active:", info.memory_cache);
  line("Inactive:", 0);
  line("SwapTotal:", 0);
  line("SwapFree:", 0);
  line("Dirty:", 0);
  line("Writeback:", 0);
  const u64 used = info.memory_total - std::min(info.memory_total, info.memory_free + info.memory_cache + info.memory_kernel);
  line("AnonPages:", used);
  line("Mapped:", 0);
  line("Shmem:", info.memory_cache);
  line("Slab:", info.memory_kernel);
  line("SReclaimable:", 0);
  line("SUnreclaim:", info.memory_kernel);
  line("CommitLimit:", info.memory_total);
  line("Committed_AS:", used + info.memory_cache);
  line("VmallocTotal:", u64{0x7fffffffffff});
  line("VmallocUsed:", 0);
  return text.take();
}

void cpu_line(Text& text, u64 busy_ns, u64 idle_ns) { text.print(" {} 0 0 {} 0 0 0 0 0 0\n", busy_ns / kTick, idle_ns / kTick); }

std::string stat(Thread*) {
  const SystemInfo info = system_info();
  Text text;
  u64 busy = 0, idle = 0;
  const u32 cpus = std::min<u32>(info.cpu_count, 64);
  for (u32 cpu = 0; cpu < cpus; ++cpu) {
    busy += info.busy_ns[cpu];
    idle += info.idle_ns[cpu];
  }
  text.print("cpu ");
  cpu_line(text, busy, idle);
  for (u32 cpu = 0; cpu < cpus; ++cpu) {
    text.print("cpu{}", cpu);
    cpu_line(text, info.busy_ns[cpu], info.idle_ns[cpu]);
  }
  World& world = World::get();
  text.print("intr {}\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
             info.interrupts, info.context_switches, world.wall_offset() / static_cast<i64>(kNsPerSecond), world.forks.load(),
             std::max(1u, info.running + info.runnable));
  return text.take();
}

std::string hundredths(u64 ns) {
  Text text;
  text.print("{}.{:02}", ns / kNsPerSecond, ns % kNsPerSecond / kTick);
  return text.take();
}

std::string uptime(Thread*) {
  const SystemInfo info = system_info();
  u64 idle = 0;
  for (u32 cpu = 0; cpu < std::min<u32>(info.cpu_count, 64); ++cpu) idle += info.idle_ns[cpu];
  return hundredths(monotonic_ns()) + " " + hundredths(idle) + "\n";
}

std::string load_average(Thread*) {
  World& world = World::get();
  const SystemInfo info = system_info();
  Text text;
  for (const auto& average : world.load) {
    const u64 value = average.load() + 327;  // half of a hundredth
    text.print("{}.{:02} ", value >> 16, (value & 0xffff) * 100 >> 16);
  }
  text.print("{}/{} {}\n", std::max(1u, info.running + info.runnable), world.processes().thread_count(), world.processes().last_pid());
  return text.take();
}

std::string version(Thread*) {
  Text text;
  text.print("{} version {} (hati@hati) (clang 19) {}\n", std::string_view(kSystemName), std::string_view(kRelease),
             std::string_view(kVersion));
  return text.take();
}

std::string file_systems(Thread*) {
  Text text;
  for (const FileSystemType& type : file_system_types())
    text.print("{}\t{}\n", std::string_view(type.needs_device ? "" : "nodev"), std::string_view(type.name));
  return text.take();
}

std::string devices(Thread*) {
  Text text;
  text.print("Character devices:\n");
  std::vector<CharacterDevices> sorted(registered_devices().begin(), registered_devices().end());
  std::ranges::stable_sort(sorted, {}, &CharacterDevices::major);
  for (const CharacterDevices& device : sorted) text.print("{:>3} {}\n", device.major, std::string_view(device.name));
  text.print("\nBlock devices:\n");
  return text.take();
}

std::string vmstat(Thread*) {
  const SystemInfo info = system_info();
  Text text;
  text.print("nr_free_pages {}\nnr_file_pages {}\nnr_shmem {}\npgfault {}\npgmajfault 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
             info.memory_free / kPageSize, info.memory_cache / kPageSize, info.memory_cache / kPageSize, info.page_faults);
  return text.take();
}

constexpr RootFile kFiles[] = {
    {"cmdline", 0444, [](Thread*) { return World::get().command_line + "\n"; }},
    {"cpuinfo", 0444, [](Thread*) { return cpu_info(); }},
    {"devices", 0444, devices},
    {"diskstats", 0444, [](Thread*) { return std::string(); }},
    {"filesystems", 0444, file_systems},
    {"loadavg", 0444, load_average},
    {"meminfo", 0444, meminfo},
    {"modules", 0444, [](Thread*) { return std::string(); }},
    {"partitions", 0444, [](Thread*) { return std::string("major minor  #blocks  name\n\n"); }},
    {"stat", 0444, stat},
    {"swaps", 0444, [](Thread*) { return std::string("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"); }},
    {"sysvipc/msg", 0444, msg_table_text},
    {"sysvipc/sem", 0444, sem_table_text},
    {"sysvipc/shm", 0444, shm_table_text},
    {"uptime", 0444, uptime},
    {"version", 0444, version},
    {"vmstat", 0444, vmstat},
};

}  // namespace

std::span<const RootFile> root_files() { return kFiles; }

}  // namespace hati::linux::proc
