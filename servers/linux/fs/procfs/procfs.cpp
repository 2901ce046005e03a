// SPDX-License-Identifier: MIT
// The file system and its root directory: the processes by number, files about the whole system, self.
#include "servers/linux/fs/procfs/procfs.h"

#include <charconv>

#include "servers/linux/core/world.h"
#include "servers/linux/fs/procfs/node.h"

namespace hati::linux {

namespace proc {
namespace {

constexpr u64 kMagic = 0x9fa0;
constexpr u64 kFirstProcessPosition = 4096;

struct RootLink {
  const char* name;
  std::string (*target)(Thread* reader);
};
constexpr RootLink kLinks[] = {
    {"self", [](Thread* reader) { return std::to_string(reader != nullptr ? reader->process().pid : 0); }},
    {"thread-self",
     [](Thread* reader) {
       if (reader == nullptr) return std::string("0");
       return std::to_string(reader->process().pid) + "/task/" + std::to_string(reader->tid());
     }},
    {"mounts", [](Thread*) { return std::string("self/mounts"); }},
};
constexpr u64 kSysDirectory = kRootFiles - 1;
constexpr u64 kTableInodes = 1024;  // of a directory: that of its first file and this

bool parse_pid(std::string_view name, Pid& pid) {
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc{} && end == name.data() + name.size() && name[0] != '0' && pid > 0;
}

// A directory of root files whose names have two parts ("sysvipc/shm").
class TableDirectory final : public DirectoryNode {
 public:
  TableDirectory(FileSystem& file_system, std::string prefix, u64 inode)
      : DirectoryNode(file_system, {inode, kDirectory | 0555}), prefix_(std::move(prefix)) {}

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    for (usize i = 0; i < root_files().size(); ++i) {
      const RootFile& file = root_files()[i];
      if (part(file) == name)
        return make_node<TextNode>(file_system(), NodeInfo{kRootFiles + 1 + i, kRegular | file.mode},
                                   [&file](Thread* reader) -> SysResult<std::string> { return file.read(reader); });
    }
    return fail(Errno::kNOENT);
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    for (usize i = 0; i < root_files().size(); ++i) {
      const std::string_view name = part(root_files()[i]);
      if (!name.empty() && kFirstPosition + i >= position)
        result.push_back({std::string(name), kRootFiles + 1 + i, kRegular, kFirstPosition + i});
    }
    return result;
  }

 private:
  std::string_view part(const RootFile& file) const {
    const std::string_view name = file.name;
    return name.size() > prefix_.size() && name.starts_with(prefix_) && name[prefix_.size()] == '/' ? name.substr(prefix_.size() + 1)
                                                                                                    : std::string_view();
  }
  const std::string prefix_;
};

class Root final : public DirectoryNode {
 public:
  explicit Root(FileSystem& file_system) : DirectoryNode(file_system, {kRootInode, kDirectory | 0555}) {}

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    Pid pid = 0;
    if (parse_pid(name, pid)) return find_process(pid);
    if (name == "sys") return sys_directory(file_system(), "");
    u64 inode = kRootFiles;
    for (const RootFile& file : root_files()) {
      ++inode;
      const std::string_view known = file.name;
      if (known.size() > name.size() && known.starts_with(name) && known[name.size()] == '/')
        return make_node<TableDirectory>(file_system(), std::string(name), inode + kTableInodes);
      if (name == known)
        return make_node<TextNode>(file_system(), NodeInfo{inode, kRegular | file.mode},
                                   [&file](Thread* reader) -> SysResult<std::string> { return file.read(reader); });
    }
    for (const RootLink& link : kLinks) {
      ++inode;
      if (name == link.name)
        return make_node<LinkNode>(file_system(), NodeInfo{inode, kSymbolicLink | 0777},
                                   [&link](Thread* reader) -> SysResult<std::string> { return link.target(reader); });
    }
    return fail(Errno::kNOENT);
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    u64 inode = kRootFiles, at = kFirstPosition;
    const auto add = [&](std::string name, u64 number, u32 type) {
      if (at >= position) result.push_back({std::move(name), number, type, at});
      ++at;
    };
    std::string_view last;
    for (const RootFile& file : root_files()) {
      ++inode;
      const std::string_view name = file.name, first = name.substr(0, name.find('/'));
      if (first.size() == name.size()) {
        add(file.name, inode, kRegular);
      } else if (first != last) {
        add(std::string(first), inode + kTableInodes, kDirectory);
      }
      last = first;
    }
    for (const RootLink& link : kLinks) add(link.name, ++inode, kSymbolicLink);
    add("sys", kSysDirectory, kDirectory);
    for (const Ref<Process>& process : World::get().processes().list()) {
      const u64 there = kFirstProcessPosition + static_cast<u64>(process->pid);
      if (there >= position) result.push_back({std::to_string(process->pid), process_inode(process->pid, 0), kDirectory, there});
    }
    return result;
  }

 private:
  // Threads that are no leaders can be looked up, too; they are only not listed.
  SysResult<Ref<Inode>> find_process(Pid pid) const {
    Ref<Process> process = World::get().processes().find_process(pid);
    if (!process) {
      const Ref<Thread> thread = World::get().processes().find_thread(pid);
      if (!thread) return fail(Errno::kNOENT);
      process = Ref<Process>(thread->process());
    }
    Ref<Inode> directory = process_directory(file_system(), std::move(process));
    if (!directory) return fail(Errno::kNOENT);
    return directory;
  }
};

class Procfs final : public FileSystem {
 public:
  const char* type_name() const override { return "proc"; }
  Ref<Inode> root() override { return make_node<Root>(*this); }
  Statistics statistics() override { return {.magic = kMagic, .blocks = 0}; }
};

}  // namespace
}  // namespace proc

SysResult<Ref<FileSystem>> mount_procfs(std::string_view options) {
  if (!options.empty() && options != "hidepid=0") return fail(Errno::kINVAL);
  return Ref<FileSystem>(Ref<proc::Procfs>::adopt(std::make_unique<proc::Procfs>().release()));
}

}  // namespace hati::linux
