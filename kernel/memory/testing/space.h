// SPDX-License-Identifier: MIT
// For host tests: an address space without a process.
#pragma once

#include "kernel/memory/address_space.h"
#include "kernel/memory/testing/arena.h"

namespace hati::testing {

class TestSpace final : public AddressSpace {
 public:
  static Ref<TestSpace> make(SpaceFlags flags = SpaceFlags::kSupervised, AddressSpace* supervisor = nullptr, Ref<Quota> quota = nullptr) {
    make_arena();
    auto space = Ref<TestSpace>::adopt(new TestSpace(flags, std::move(quota)));
    if (!space->initialize(supervisor)) std::abort();
    return space;
  }

 private:
  TestSpace(SpaceFlags flags, Ref<Quota> quota) : AddressSpace(flags, std::move(quota), nullptr) {}
  void release_storage() override { delete this; }
};

// Repeats a call as the dispatcher would.
template <class F>
auto finish(F&& call) {
  for (;;) {
    auto result = call();
    if (result || result.error() != kRestart) return result;
  }
}

inline MapRequest anonymous(u64 address, u64 bytes, MapFlags flags = MapFlags::kFixed,
                            Protection protection = Protection::kRead | Protection::kWrite) {
  return {.address = address,
          .bytes = bytes,
          .protection = protection,
          .flags = flags,
          .memory = kNoHandle,
          .max_protection = 7,
          .offset = 0,
          .tag = 0,
          .search_top = 0,
          .grow_limit = 0};
}

}  // namespace hati::testing
