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
};

std::span<const FileSystemType> file_system_types();
// kNODEV: unknown.
SysResult<Ref<Mount>> make_mount(std::string_view type, std::string_view source, u32 flags, std::string_view options);

}  // namespace hati::linux
