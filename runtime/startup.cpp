// SPDX-License-Identifier: MIT
// The start-up handles, found through the auxiliary vector; and settings of the C library before constructors run.
#include "runtime/startup.h"

#include <malloc.h>
#include <sys/auxv.h>

#include "runtime/log.h"

namespace hati {

namespace {

StartupHandle* find(std::string_view name) {
  auto* startup = reinterpret_cast<Startup*>(getauxval(kAuxStartup));
  if (startup == nullptr) return nullptr;
  for (u32 i = 0; i < startup->count && i < std::size(startup->handles); ++i) {
    StartupHandle& entry = startup->handles[i];
    if (entry.handle != kNoHandle && std::string_view(entry.name, strnlen(entry.name, sizeof(entry.name))) == name) return &entry;
  }
  return nullptr;
}

// Returning memory to the system and taking it again costs page faults; many arenas cost memory.
[[gnu::constructor(101)]] void configure_malloc() {
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TOP_PAD, 128 << 10);
  mallopt(M_ARENA_MAX, 4);
}

}  // namespace

Handle startup_handle(std::string_view name) {
  const StartupHandle* entry = find(name);
  return entry != nullptr ? entry->handle : kNoHandle;
}

Result<OwnedHandle> take_startup_handle(std::string_view name) {
  StartupHandle* entry = find(name);
  if (entry == nullptr) return fail(Error::kNotFound);
  return OwnedHandle(std::exchange(entry->handle, kNoHandle));
}

}  // namespace hati
