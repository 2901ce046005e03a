// SPDX-License-Identifier: MIT
// Load averages (process/load_average.h), in Linux's fixed point: 11 bits internally, shifted to 16 for sysinfo(2).
#include "servers/linux/process/load_average.h"

#include "runtime/clock.h"
#include "servers/linux/core/wait.h"

namespace hati::linux {
namespace {

constexpr u64 kInterval = 5 * kNsPerSecond;
constexpr u64 kOne = 1 << 11;
constexpr u64 kDecay[3] = {1884, 2014, 2037};  // e^(-5s/1min), /5min, /15min in units of kOne
constexpr u32 kSysinfoShift = 16 - 11;

Task<> measure(World& world) {
  Waiter waiter(nullptr, Waiter::kUninterruptible);
  u64 averages[3] = {};
  for (;;) {
    (void)co_await waiter.wait(now_ns() + kInterval);
    SystemInfo info{};
    if (!call::system_info(info)) continue;
    const u64 active = u64{info.runnable + info.running} * kOne;
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
