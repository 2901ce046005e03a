// SPDX-License-Identifier: MIT
// All physical memory is mapped, writable and not executable, from kDirectMapBase on.
#pragma once

#include "base/types.h"

namespace hati {

inline constexpr u64 kDirectMapBase = 0xffff'8000'0000'0000;
inline constexpr u64 kDirectMapEnd = 0xffff'c000'0000'0000;
inline constexpr u64 kDeviceMapBase = 0xffff'c000'0000'0000;  // devices, uncached, and other kernel mappings
inline constexpr u64 kKernelImageBase = 0xffff'ffff'8000'0000;

#if HATI_KERNEL
// `address` lies in RAM (see BootInfo), not in a device.
template <class T = void>
inline T* phys_to_virt(PhysAddr address) {
  return reinterpret_cast<T*>(kDirectMapBase + address.value);
}

// For addresses inside the direct map only.
inline PhysAddr virt_to_phys(const void* address) { return PhysAddr{reinterpret_cast<u64>(address) - kDirectMapBase}; }
#else
namespace testing {
inline u8* physical_memory = nullptr;  // host tests: where physical address 0 would be; see testing/arena.h
}
template <class T = void>
inline T* phys_to_virt(PhysAddr address) {
  return reinterpret_cast<T*>(testing::physical_memory + address.value);
}
inline PhysAddr virt_to_phys(const void* address) {
  return PhysAddr{static_cast<u64>(static_cast<const u8*>(address) - testing::physical_memory)};
}
#endif

}  // namespace hati
