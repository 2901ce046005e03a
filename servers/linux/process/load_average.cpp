// SPDX-License-Identifier: MIT
// Load averages (process/load_average.h), in Linux's fixed point: 11 bits internally, shifted to 16 for sysinfo(2).
#include "servers/linux/process/load_average.h"

#include "runtime/clock.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

constexpr u64 kInterval = 5 * kNsPerSecond;
constexpr u64 kOne = 1 << 11;
constexpr u64 kDecay[3] = {1884, 2014, 2037};  // e^(-5s/1min), /5min, /15min in units of kOne
constexpr u32 kSysinfoShift = 16 - 11;

// Threads that run, could run, or sleep without taking signals. The server's own work is not in it.
u64 count_active(World& world) {
  u64 count = 0;
  for (const Ref<Process>& process : world.processes().list()) {
    for (const Ref<Thread>& thread : process->get_threads()) {
      const char state = thread->state_letter();
      count += state == 'R' || state == 'D' ? 1 : 0;
    }
  }
  return count;
}

Task<> measure(World& world) {
  Waiter waiter(nullptr, Waiter::kUninterruptible);
  u64 averages[3] = {};
  for (;;) {
    (void)co_await waiter.wait(now_ns() + kInterval);
    const u64 active = count_active(world) * kOne;
    for (int i = 0; i < 3; ++i) {
      u64 value = averages[i] * kDecay[i] + active * (kOne - kDecay[i]);
      if (active >= averages[i]) value += kOne - 1;
      averages[i] = value / kOne;
      world.load[i].store(averages[i] << kSysinfoShift, std::memory_order_relaxed);
    }
  }
}

}  // namespace

void start_load_average(World& world) { world.scope().start(measure(world)); }

}  // namespace hati::linux
