// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/file_systems.h"

#include "servers/linux/fs/devpts/devpts.h"
#include "servers/linux/fs/devtmpfs/devtmpfs.h"
#include "servers/linux/fs/procfs/procfs.h"
#include "servers/linux/fs/remote/file_system.h"
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
    {"ext4", true, nullptr,
     [](std::string source, std::string options, bool ro) { return RemoteFileSystem::mount("ext4", source, options, ro); }},
    {"ext3", true, nullptr,
     [](std::string source, std::string options, bool ro) { return RemoteFileSystem::mount("ext3", source, options, ro); }},
    {"ext2", true, nullptr,
     [](std::string source, std::string options, bool ro) { return RemoteFileSystem::mount("ext2", source, options, ro); }},
    {"ramfs", false, [](std::string_view, std::string_view) { return Tmpfs::mount("size=0,nr_inodes=0,mode=755"); }},
};

}  // namespace

std::span<const FileSystemType> file_system_types() { return kTypes; }

Task<SysResult<Ref<Mount>>> make_mount(std::string type, std::string source, u32 flags, std::string options) {
  for (const FileSystemType& candidate : kTypes) {
    if (type != candidate.name) continue;
    Ref<FileSystem> file_system;
    if (candidate.mount_far != nullptr) {
      file_system = CO_TRY(co_await candidate.mount_far(source, std::move(options), (flags & kMountReadOnly) != 0));
    } else {
      file_system = CO_TRY(candidate.mount(source, options));
    }
    auto root = Ref<Dentry>::adopt(std::make_unique<Dentry>(nullptr, "/", file_system->root()).release());
    // One file system mounted twice (proc, devtmpfs) has one tree of dentries.
    root = file_system->share_root(std::move(root));
    const u32 per_mount = flags & ~u32{kMountReadOnly};
    co_return Ref<Mount>::adopt(std::make_unique<Mount>(std::move(file_system), std::move(root), std::move(source), per_mount).release());
  }
  co_return fail(Errno::kNODEV);
}

}  // namespace hati::linux
