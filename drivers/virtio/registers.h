// SPDX-License-Identifier: MIT
// Numbers of virtio 1.2 that every kind of device shares: status and feature bits, capabilities and registers on PCI (4.1), the rings of a split
// virtqueue (2.7). A host test compares them with Linux's headers.
#pragma once

#include "base/bits.h"
#include "base/types.h"

namespace hati::virtio {

// Device status, 2.1.
inline constexpr u8 kStatusAcknowledge = 1, kStatusDriver = 2, kStatusDriverOk = 4, kStatusFeaturesOk = 8, kStatusNeedsReset = 64,
                    kStatusFailed = 128;

// Feature bits, chapter 6.
constexpr u64 feature(u32 bit) { return u64{1} << bit; }
inline constexpr u64 kFeatureIndirect = feature(28), kFeatureEventIndex = feature(29), kFeatureVersion1 = feature(32),
                     kFeatureAccessPlatform = feature(33);

// A vendor capability in configuration space (4.1.4): which BAR has what.
struct Capability {
  u8 id;  // kCapabilityVendor
  u8 next;
  u8 length;
  u8 type;  // CapabilityType
  u8 bar;
  u8 number;
  u8 padding[2];
  u32 offset;
  u32 bytes;
};
static_assert(sizeof(Capability) == 16);
inline constexpr u8 kCapabilityVendor = 9;
enum class CapabilityType : u8 { kCommon = 1, kNotify = 2, kIsr = 3, kDevice = 4, kPci = 5 };
inline constexpr u32 kNotifyMultiplier = 16;  // offset from the capability: u32

// The common configuration, 4.1.4.3: offset and width.
struct RegisterAt {
  u32 offset, width;
};
inline constexpr RegisterAt kDeviceFeatureSelect{0, 4}, kDeviceFeature{4, 4}, kDriverFeatureSelect{8, 4}, kDriverFeature{12, 4},
    kConfigVector{16, 2}, kQueueCount{18, 2}, kDeviceStatus{20, 1}, kConfigGeneration{21, 1}, kQueueSelect{22, 2}, kQueueSize{24, 2},
    kQueueVector{26, 2}, kQueueEnable{28, 2}, kQueueNotifyOffset{30, 2}, kQueueDescriptorsLow{32, 4}, kQueueDescriptorsHigh{36, 4},
    kQueueDriverLow{40, 4}, kQueueDriverHigh{44, 4}, kQueueDeviceLow{48, 4}, kQueueDeviceHigh{52, 4};
inline constexpr u32 kCommonBytes = 56;
inline constexpr u16 kNoVector = 0xffff;

// Split virtqueues, 2.7.
struct Descriptor {
  u64 address;
  u32 bytes;
  u16 flags;
  u16 next;
};
static_assert(sizeof(Descriptor) == 16);
inline constexpr u16 kDescriptorNext = 1, kDescriptorWrite = 2, kDescriptorIndirect = 4;
inline constexpr u16 kAvailableNoInterrupt = 1, kUsedNoNotify = 1;

struct UsedElement {
  u32 id;
  u32 bytes;
};
static_assert(sizeof(UsedElement) == 8);

}  // namespace hati::virtio
