// SPDX-License-Identifier: MIT
// The types of file systems that mount(2) knows. Constant table in vfs/file_systems.cpp.
#pragma once

#include <span>

#include "servers/linux/vfs/mount.h"

namespace hati::linux {

struct FileSystemType {
  const char* name;
  bool needs_device;  // no "nodev" in /proc/filesystems
  SysResult<Ref<FileSystem>> (*mount)(std::string_view source, std::string_view options);
  // Instead, where another server has to be asked.
  Task<SysResult<Ref<FileSystem>>> (*mount_far)(std::string source, std::string options, bool read_only) = nullptr;
};

std::span<const FileSystemType> file_system_types();
// kNODEV: unknown. `flags` with kMountReadOnly is about the file system as well.
Task<SysResult<Ref<Mount>>> make_mount(std::string type, std::string source, u32 flags, std::string options);

}  // namespace hati::linux
