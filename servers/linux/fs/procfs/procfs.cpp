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

bool parse_pid(std::string_view name, Pid& pid) {
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc{} && end == name.data() + name.size() && name[0] != '0' && pid > 0;
}

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
      if (name == file.name)
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
    const auto add = [&](const char* name, u64 number, u32 type) {
      if (at >= position) result.push_back({name, number, type, at});
      ++at;
    };
    for (const RootFile& file : root_files()) add(file.name, ++inode, kRegular);
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
