// SPDX-License-Identifier: MIT
// The one question that tmpfs has for processes.
#include "runtime/call.h"
#include "servers/linux/core/services.h"
#include "servers/linux/core/world.h"
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

bool mapped_writable(Handle memory) {
  MemoryInfo wanted{};
  if (memory == kNoHandle || !call::memory_info(memory, wanted)) return false;
  for (const Ref<Process>& process : World::get().processes().list()) {
    for (const Ref<Thread>& thread : process->get_threads()) {
      const Ref<Mm> mm = thread->get_mm();
      if (!mm) continue;
      for (const MappingDescription& mapping : describe_mappings(*mm)) {
        const bool writable = (mapping.info.max_protection & static_cast<u32>(Protection::kWrite)) != 0;
        if (mapping.info.memory_koid == wanted.koid && has(mapping.info.flags, MapFlags::kShared) && writable) return true;
      }
      break;  // threads share it
    }
  }
  return false;
}

}  // namespace hati::linux
