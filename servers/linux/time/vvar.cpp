// SPDX-License-Identifier: MIT
// The [vvar] pages (time/vvar.h).
#include "servers/linux/time/vvar.h"

#include <cpuid.h>

#include <atomic>

#include "runtime/clock.h"
#include "runtime/spinlock.h"

namespace hati::linux {
namespace {

struct State {
  SpinLock lock;
  Handle clock = kNoHandle;
  Memory wall;
  Mapping mapping;
};
State state;

// CPUID leaves 0x8000'0001 (RDTSCP) and 7 (RDPID); where one of them exists, the kernel has set IA32_TSC_AUX.
u32 processor_features() {
  u32 a = 0, b = 0, c = 0, d = 0, features = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & bit_RDPID) != 0) features |= kVvarRdpid;
  if (__get_cpuid(0x8000'0001, &a, &b, &c, &d) != 0 && (d & 1u << 27) != 0) features |= kVvarRdtscp;
  return features;
}

}  // namespace

Result<void> create_vvar(Handle clock_memory) {
  state.clock = clock_memory;
  state.wall = TRY(Memory::create(kPageSize));
  state.mapping = TRY(state.wall.map(0, kPageSize, Protection::kRead | Protection::kWrite));
  state.mapping.as<WallClockPage>()->features = processor_features();
  publish_wall_offset(wall_offset_ns());
  return {};
}

Handle vvar_clock() { return state.clock; }
Handle vvar_wall() { return state.wall.get(); }

void publish_wall_offset(i64 offset_ns) {
  if (!state.mapping) return;
  SpinGuard guard(state.lock);
  auto* page = state.mapping.as<WallClockPage>();
  std::atomic_ref<u32> sequence(page->sequence);
  std::atomic_ref<i64> offset(page->offset_ns);
  sequence.fetch_add(1, std::memory_order_acq_rel);
  offset.store(offset_ns, std::memory_order_release);
  sequence.fetch_add(1, std::memory_order_release);
}

}  // namespace hati::linux
