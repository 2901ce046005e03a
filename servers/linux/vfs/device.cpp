// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {
std::vector<CharacterDevices>& table() {
  static std::vector<CharacterDevices> devices;
  return devices;
}
}  // namespace

void register_devices(const CharacterDevices& devices) { table().push_back(devices); }

std::span<const CharacterDevices> registered_devices() { return table(); }

SysResult<Ref<File>> open_character_device(Thread* thread, u64 device, u32 flags) {
  const u32 major = device_major(device), minor = device_minor(device);
  for (const CharacterDevices& entry : table())
    if (entry.major == major && minor >= entry.first_minor && minor - entry.first_minor < entry.count) return entry.open(thread, device, flags);
  return fail(Errno::kNXIO);
}

}  // namespace hati::linux
