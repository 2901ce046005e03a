// SPDX-License-Identifier: MIT
#include "servers/linux/fs/sysfs/sysfs.h"

#include "servers/linux/fs/procfs/node.h"

namespace hati::linux {

namespace {

using proc::DirectoryNode;
using proc::Entry;
using proc::NodeInfo;

struct SysEntry {
  std::string_view path;   // a path that ends in '/' is an empty directory
  std::string (*read)();
};

std::string cpu_range() {
  const u32 count = World::get().cpu_count;
  return count > 1 ? "0-" + std::to_string(count - 1) : "0";
}

constexpr SysEntry kEntries[] = {
    {"block/", nullptr},
    {"bus/", nullptr},
    {"class/block/", nullptr},
    {"class/net/", nullptr},
    {"class/tty/console/active", [] { return std::string("ttyS0"); }},
    {"class/tty/console/dev", [] { return std::string("5:1"); }},
    {"class/tty/ttyS0/dev", [] { return std::string("4:64"); }},
    {"dev/block/", nullptr},
    {"dev/char/", nullptr},
    {"devices/system/cpu/kernel_max", [] { return std::string("63"); }},
    {"devices/system/cpu/online", cpu_range},
    {"devices/system/cpu/possible", cpu_range},
    {"devices/system/cpu/present", cpu_range},
    {"firmware/", nullptr},
    {"fs/cgroup/", nullptr},
    {"kernel/", nullptr},
    {"module/", nullptr},
    {"power/", nullptr},
};

constexpr u64 kRoot = 1, kFiles = 16, kDirectories = 4096;

SysResult<Ref<Inode>> find(FileSystem& file_system, std::string path);

class SysDirectory final : public DirectoryNode {
 public:
  SysDirectory(FileSystem& file_system, std::string path, u64 inode) : DirectoryNode(file_system, {inode, kDirectory | 0555u}), path_(std::move(path)) {}
  // The names never change.
  bool cacheable() const override { return true; }
  SysResult<Ref<Inode>> lookup_now(std::string_view name) override { return find(file_system(), path_ + std::string(name)); }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    for (usize i = 0; i < std::size(kEntries); ++i) {
      std::string_view rest = kEntries[i].path;
      if (!rest.starts_with(path_) || rest.size() == path_.size()) continue;
      rest.remove_prefix(path_.size());
      const usize slash = rest.find('/');
      std::string name(rest.substr(0, slash));
      if (!result.empty() && result.back().name == name) continue;
      const bool directory = slash != std::string_view::npos;
      result.push_back({std::move(name), (directory ? kDirectories : kFiles) + i, directory ? kDirectory : kRegular, proc::kFirstPosition + i});
    }
    std::erase_if(result, [&](const Entry& entry) { return entry.position < position; });
    return result;
  }

 private:
  const std::string path_;  // "" or ending in '/'
};

SysResult<Ref<Inode>> find(FileSystem& file_system, std::string path) {
  for (usize i = 0; i < std::size(kEntries); ++i) {
    const SysEntry& entry = kEntries[i];
    if (entry.path == path) {
      const auto read = entry.read;
      return proc::make_node<proc::TextNode>(file_system, NodeInfo{kFiles + i, kRegular | 0444u},
                                             [read](Thread*) -> SysResult<std::string> { return read() + "\n"; });
    }
    if (entry.path.size() > path.size() && entry.path.starts_with(path) && entry.path[path.size()] == '/')
      return proc::make_node<SysDirectory>(file_system, path + "/", kDirectories + i);
  }
  return fail(Errno::kNOENT);
}

class Sysfs final : public FileSystem {
 public:
  const char* type_name() const override { return "sysfs"; }
  Ref<Inode> root() override { return proc::make_node<SysDirectory>(*this, std::string(), kRoot); }
  Statistics statistics() override { return {.magic = 0x62656572}; }
};

}  // namespace

Ref<FileSystem> sysfs() {
  static const Ref<FileSystem> instance = [] {
    auto made = Ref<FileSystem>(Ref<Sysfs>::adopt(std::make_unique<Sysfs>().release()));
    made->mounts.fetch_add(1, std::memory_order_relaxed);  // lives as long as the server
    return made;
  }();
  return instance;
}

}  // namespace hati::linux
