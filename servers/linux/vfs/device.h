// SPDX-License-Identifier: MIT
// Device numbers and who serves them: a node with such a number, in any file system, opens that device. Filled at start-up, then constant.
#pragma once

#include <span>

#include "servers/linux/vfs/inode.h"

namespace hati::linux {

// Linux's 32-bit encoding (makedev(3)): 12 bits major, 20 bits minor.
constexpr u64 make_device(u32 major, u32 minor) { return (minor & 0xff) | u64{major & 0xfff} << 8 | u64{minor & 0xfff00} << 12; }
constexpr u32 device_major(u64 device) { return static_cast<u32>(device >> 8 & 0xfff); }
constexpr u32 device_minor(u64 device) { return static_cast<u32>((device & 0xff) | (device >> 12 & 0xfff00)); }

using DeviceOpen = SysResult<Ref<File>> (*)(Thread* thread, u64 device, u32 flags);

struct CharacterDevices {
  u32 major, first_minor, count;
  const char* name;  // in /proc/devices
  DeviceOpen open;
};

void register_devices(const CharacterDevices& devices);
std::span<const CharacterDevices> registered_devices();
// kNXIO if nobody serves it.
SysResult<Ref<File>> open_character_device(Thread* thread, u64 device, u32 flags);

}  // namespace hati::linux
