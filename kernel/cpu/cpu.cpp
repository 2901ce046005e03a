// SPDX-License-Identifier: MIT
#include "kernel/cpu/cpu_table.h"

#include "kernel/debug/panic.h"

namespace hati {
namespace {
constinit std::array<Cpu, kCpusMax> cpus{};
constinit std::atomic<u32> count{1};
}  // namespace

u32 cpu_count() { return count.load(std::memory_order_acquire); }

Cpu& cpu_at(u32 id) {
  HATI_ASSERT(id < kCpusMax);
  return cpus[id];
}

void set_cpu_count(u32 value) { count.store(value, std::memory_order_release); }

}  // namespace hati
