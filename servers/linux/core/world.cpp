// SPDX-License-Identifier: MIT
// The one World (core/world.h).
#include "servers/linux/core/world.h"

#include "runtime/clock.h"
#include "servers/linux/core/wait.h"
#include "servers/linux/process/process.h"
#include "servers/linux/time/vvar.h"

namespace hati::linux {

namespace {
World* the_world = nullptr;
}

World& World::get() { return *the_world; }

World::World() : wall_offset_(wall_offset_ns()) { the_world = this; }

void World::set_wall_offset(i64 offset_ns) {
  wall_offset_.store(offset_ns, std::memory_order_relaxed);
  publish_wall_offset(offset_ns);
  wall_changed_.wake_all();
}

u64 monotonic_ns() { return now_ns(); }

i64 realtime_ns() { return static_cast<i64>(now_ns()) + World::get().wall_offset(); }

}  // namespace hati::linux
