// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/file_systems.h"

#include "servers/linux/fs/devpts/devpts.h"
#include "servers/linux/fs/devtmpfs/devtmpfs.h"
#include "servers/linux/fs/procfs/procfs.h"
#include "servers/linux/fs/sysfs/sysfs.h"
#include "servers/linux/fs/tmpfs/tmpfs.h"

namespace hati::linux {

namespace {

constexpr FileSystemType kTypes[] = {
    {"sysfs", false, [](std::string_view, std::string_view) -> SysResult<Ref<FileSystem>> { return sysfs(); }},
    {"tmpfs", false, [](std::string_view, std::string_view options) { return Tmpfs::mount(options); }},
    {"proc", false, [](std::string_view, std::string_view options) { return mount_procfs(options); }},
    {"devtmpfs", false, [](std::string_view, std::string_view) -> SysResult<Ref<FileSystem>> { return devtmpfs(); }},
    {"devpts", false, [](std::string_view, std::string_view options) { return mount_devpts(options); }},
    {"ramfs", false, [](std::string_view, std::string_view) { return Tmpfs::mount("size=0,nr_inodes=0,mode=755"); }},
};

}  // namespace

std::span<const FileSystemType> file_system_types() { return kTypes; }

SysResult<Ref<Mount>> make_mount(std::string_view type, std::string_view source, u32 flags, std::string_view options) {
  for (const FileSystemType& candidate : kTypes) {
    if (type != candidate.name) continue;
    Ref<FileSystem> file_system = TRY(candidate.mount(source, options));
    auto root = Ref<Dentry>::adopt(std::make_unique<Dentry>(nullptr, "/", file_system->root()).release());
    // One file system mounted twice (proc, devtmpfs) has one tree of dentries.
    root = file_system->share_root(std::move(root));
    return Ref<Mount>::adopt(std::make_unique<Mount>(std::move(file_system), std::move(root), std::string(source), flags).release());
  }
  return fail(Errno::kNODEV);
}

}  // namespace hati::linux
