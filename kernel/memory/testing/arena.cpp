// SPDX-License-Identifier: MIT
#include "kernel/memory/testing/arena.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "kernel/debug/panic.h"
#include "kernel/memory/zero_frame.h"
#include "kernel/object/deferred.h"
#include "kernel/object/kernel_pages.h"
#include "kernel/object/object.h"

namespace hati {

namespace testing {

Machine machine;

namespace {
std::array<Cpu, kCpusMax> cpus;
thread_local u32 current_cpu = 0;
}  // namespace

void be_cpu(u32 id) { current_cpu = id; }

void make_arena() {
  if (physical_memory != nullptr) return;
  for (u32 i = 0; i < kCpusMax; ++i) cpus[i].id = i;
  void* memory = mmap(nullptr, kSpareBegin + kSpareBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  physical_memory = static_cast<u8*>(memory);
  MemoryMap map;
  map.add_ram(kArenaBegin, kArenaBytes);
  // What nobody has cleared must not happen to be zero.
  __builtin_memset(physical_memory + kArenaBegin, 0xa5, kArenaBytes);
  map.release({kArenaBegin, kArenaBegin + kArenaBytes});
  if (!frames.initialize(map)) std::abort();
  zero_page_address = *frames.allocate(0, FrameFlags::kZeroed);
}

}  // namespace testing

Cpu& this_cpu() { return testing::cpus[testing::current_cpu]; }
u32 cpu_count() { return testing::machine.cpus; }
Cpu& cpu_at(u32 id) { return testing::cpus[id]; }

void assertion_failed(const char* expression, const char* file, u32 line) {
  std::fprintf(stderr, "assertion failed: %s at %s:%u\n", expression, file, line);
  std::abort();
}
void panic_text(std::string_view message) {
  std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

Result<void*> allocate_kernel_page() { return phys_to_virt(TRY(frames.allocate(0, FrameFlags::kZeroed))); }
void free_kernel_page(void* page) { frames.free(virt_to_phys(page)); }

void defer(Deferred& item) {
  while (!item.run_deferred()) {
  }
}

// Without deferral: tests see the end of an object at once.
void Object::destroy(Object* object) { object->release_storage(); }

namespace arch {

void invalidate_page(u64) { ++testing::machine.invalidated_pages; }
void invalidate_all() { ++testing::machine.invalidated_all; }
void send_ipi(u32 cpu, Ipi) { ++testing::machine.ipis[cpu]; }
PhysAddr kernel_root() {
  static const PhysAddr root = *frames.allocate(0, FrameFlags::kZeroed | FrameFlags::kKernel);
  return root;
}
void leave_space(Cpu&, SpaceContext& space) { space.active_cpus = 0; }

}  // namespace arch

}  // namespace hati
