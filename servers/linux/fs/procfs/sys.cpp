// SPDX-License-Identifier: MIT
// /proc/sys (proc(5), sysctl(8)): one table of paths; directories are the prefixes of its entries.
#include <algorithm>
#include <array>

#include "runtime/call.h"
#include "servers/linux/core/namespaces.h"
#include "servers/linux/core/version.h"
#include "servers/linux/core/world.h"
#include "servers/linux/exec/core_dump.h"
#include "servers/linux/fs/procfs/node.h"
#include "servers/linux/ipc/namespace.h"

namespace hati::linux::proc {

namespace {

struct Variable {
  const char* path;  // below /proc/sys
  std::string (*read)(Thread* reader);
  SysResult<> (*write)(Thread& thread, std::string_view text);
};

std::string uuid(Thread*) {
  std::array<u8, 16> bytes{};
  (void)call::entropy(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;  // RFC 4122: version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  Text text;
  for (usize i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.print("-");
    text.print("{:02x}", bytes[i]);
  }
  return text.take();
}

std::string boot_id(Thread*) {
  static const std::string id = uuid(nullptr);
  return id;
}

UtsNames uts_names(Thread* reader) { return (reader != nullptr ? uts_of(*reader) : *Namespaces::initial()->uts).names(); }

std::string_view without_newline(std::string_view text) { return text.substr(0, text.find('\n')); }

SysResult<> write_hostname(Thread& thread, std::string_view text) {
  uts_of(thread).set_node(std::string(without_newline(text).substr(0, 64)));
  return {};
}
SysResult<> write_domain(Thread& thread, std::string_view text) {
  uts_of(thread).set_domain(std::string(without_newline(text).substr(0, 64)));
  return {};
}

SysResult<> write_core_pattern(Thread&, std::string_view text) {
  set_core_pattern(without_newline(text));
  return {};
}
SysResult<> write_core_uses_pid(Thread&, std::string_view text) {
  text = without_newline(text);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return fail(Errno::kINVAL);
  set_core_uses_pid(text.find_first_not_of('0') != std::string_view::npos);
  return {};
}

u64 file_max() {
  SystemInfo info{};
  (void)call::system_info(info);
  return std::max<u64>(info.memory_total / 10240, 8192);
}

std::string sem_limits() {
  Text text;
  text.print("{}\t{}\t{}\t{}", kSemPerSet, kSemTotal, kSemOperations, kSemSets);
  return text.take();
}

constexpr Variable kVariables[] = {
    {"fs/file-max", [](Thread*) { return std::to_string(file_max()); }, nullptr},
    {"fs/file-nr", [](Thread*) { return "0\t0\t" + std::to_string(file_max()); }, nullptr},
    {"fs/inotify/max_queued_events", [](Thread*) { return std::string("16384"); }, nullptr},
    {"fs/inotify/max_user_instances", [](Thread*) { return std::string("128"); }, nullptr},
    {"fs/inotify/max_user_watches", [](Thread*) { return std::string("65536"); }, nullptr},
    {"fs/nr_open", [](Thread*) { return std::string("1048576"); }, nullptr},
    {"fs/overflowgid", [](Thread*) { return std::string("65534"); }, nullptr},
    {"fs/overflowuid", [](Thread*) { return std::string("65534"); }, nullptr},
    {"fs/pipe-max-size", [](Thread*) { return std::string("1048576"); }, nullptr},
    {"kernel/cap_last_cap", [](Thread*) { return std::to_string(kCapabilityCount - 1); }, nullptr},
    {"kernel/core_pattern", [](Thread*) { return core_pattern(); }, write_core_pattern},
    {"kernel/core_pipe_limit", [](Thread*) { return std::string("0"); }, nullptr},
    {"kernel/core_uses_pid", [](Thread*) { return std::string(core_uses_pid() ? "1" : "0"); }, write_core_uses_pid},
    {"kernel/ctrl-alt-del", [](Thread*) { return std::to_string(World::get().ctrl_alt_del.load() ? 1 : 0); }, nullptr},
    {"kernel/domainname", [](Thread* reader) { return uts_names(reader).domain; }, write_domain},
    {"kernel/hostname", [](Thread* reader) { return uts_names(reader).node; }, write_hostname},
    {"kernel/msgmax", [](Thread*) { return std::to_string(kMsgMax); }, nullptr},
    {"kernel/msgmnb", [](Thread*) { return std::to_string(kMsgQueueBytes); }, nullptr},
    {"kernel/msgmni", [](Thread*) { return std::to_string(kMsgQueues); }, nullptr},
    {"kernel/ngroups_max", [](Thread*) { return std::string("65536"); }, nullptr},
    {"kernel/osrelease", [](Thread*) { return std::string(kRelease); }, nullptr},
    {"kernel/ostype", [](Thread*) { return std::string(kSystemName); }, nullptr},
    {"kernel/overflowgid", [](Thread*) { return std::string("65534"); }, nullptr},
    {"kernel/overflowuid", [](Thread*) { return std::string("65534"); }, nullptr},
    {"kernel/pid_max", [](Thread*) { return std::to_string(kPidMax); }, nullptr},
    {"kernel/random/boot_id", boot_id, nullptr},
    {"kernel/random/entropy_avail", [](Thread*) { return std::string("256"); }, nullptr},
    {"kernel/random/poolsize", [](Thread*) { return std::string("256"); }, nullptr},
    {"kernel/random/uuid", uuid, nullptr},
    {"kernel/randomize_va_space", [](Thread*) { return std::string("2"); }, nullptr},
    {"kernel/sem", [](Thread*) { return sem_limits(); }, nullptr},
    {"kernel/shm_rmid_forced", [](Thread*) { return std::string("0"); }, nullptr},
    {"kernel/shmall", [](Thread*) { return std::to_string(kShmPages); }, nullptr},
    {"kernel/shmmax", [](Thread*) { return std::to_string(kShmMax); }, nullptr},
    {"kernel/shmmni", [](Thread*) { return std::to_string(kShmSegments); }, nullptr},
    {"kernel/threads-max", [](Thread*) { return std::to_string(kPidMax); }, nullptr},
    {"kernel/version", [](Thread*) { return std::string(kVersion); }, nullptr},
    {"vm/max_map_count", [](Thread*) { return std::string("65530"); }, nullptr},
    {"vm/mmap_min_addr", [](Thread*) { return std::string("65536"); }, nullptr},
    {"vm/overcommit_memory", [](Thread*) { return std::string("0"); }, nullptr},
    {"vm/overcommit_ratio", [](Thread*) { return std::string("50"); }, nullptr},
    {"vm/swappiness", [](Thread*) { return std::string("60"); }, nullptr},
};

class SysDirectory final : public DirectoryNode {
 public:
  SysDirectory(FileSystem& file_system, std::string path, u64 inode)
      : DirectoryNode(file_system, {inode, kDirectory | 0555}), path_(std::move(path)) {}
  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    return sys_directory(file_system(), path_.empty() ? std::string(name) : path_ + "/" + std::string(name));
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    const std::string prefix = path_.empty() ? "" : path_ + "/";
    for (usize i = 0; i < std::size(kVariables); ++i) {
      std::string_view rest = kVariables[i].path;
      if (!rest.starts_with(prefix)) continue;
      rest.remove_prefix(prefix.size());
      const usize slash = rest.find('/');
      std::string name(rest.substr(0, slash));
      if (!result.empty() && result.back().name == name) continue;
      result.push_back({std::move(name), kSysFiles + i, slash == std::string_view::npos ? kRegular : kDirectory, kFirstPosition + i});
    }
    std::erase_if(result, [&](const Entry& entry) { return entry.position < position; });
    return result;
  }

 private:
  const std::string path_;
};

}  // namespace

SysResult<Ref<Inode>> sys_directory(FileSystem& file_system, std::string path) {
  if (path.empty()) return make_node<SysDirectory>(file_system, std::string(), u64{kRootFiles} - 1);
  for (usize i = 0; i < std::size(kVariables); ++i) {
    const Variable& variable = kVariables[i];
    const std::string_view known = variable.path;
    if (known == path) {
      const NodeInfo info{kSysFiles + i, u32{kRegular} | (variable.write != nullptr ? 0644u : 0444u)};
      return make_node<TextNode>(
          file_system, info, [&variable](Thread* reader) -> SysResult<std::string> { return variable.read(reader) + "\n"; },
          variable.write != nullptr ? Writer(variable.write) : Writer());
    }
    if (known.starts_with(path) && known[path.size()] == '/')
      return make_node<SysDirectory>(file_system, std::move(path), kSysFiles + 1024 + i);
  }
  return fail(Errno::kNOENT);
}

}  // namespace hati::linux::proc
