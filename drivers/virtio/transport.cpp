// SPDX-License-Identifier: MIT
#include "drivers/virtio/transport.h"

#include <algorithm>
#include <cstring>

#include "runtime/clock.h"

namespace hati::virtio {
namespace {

constexpr u64 kResetNsMax = 2'000'000'000;
constexpr u32 kStatusOffset = 6, kStatusCapabilities = 1 << 4, kFirstCapability = 0x34;
constexpr u16 kQueuesMax = 1024;  // of what a device may claim
constexpr int kConfigReadsMax = 16;

template <class T>
T value_at(std::span<const std::byte> bytes, usize offset) {
  T value{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof(T)) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Calls f(capability, offset) for each vendor capability. The chain ends after as many links as fit, whatever it says.
template <class F>
Result<void> each_capability(std::span<const std::byte> config, F&& f) {
  constexpr int kLinksMax = 48;
  if ((value_at<u16>(config, kStatusOffset) & kStatusCapabilities) == 0) return {};
  usize at = value_at<u8>(config, kFirstCapability) & ~usize{3};
  for (int links = 0; at >= 0x40 && links < kLinksMax; ++links) {
    const auto capability = value_at<Capability>(config, at);
    if (capability.id == kCapabilityVendor && capability.length >= sizeof(Capability)) TRY(f(capability, at));
    at = capability.next & ~usize{3};
  }
  return {};
}

}  // namespace

Result<Transport> Transport::create(std::span<const std::byte> config, Bars& bars) {
  Transport transport;
  const auto open = [&](std::unique_ptr<RegisterWindow>& window, const Capability& capability, u32 bytes_min) -> Result<void> {
    if (window) return {};  // the first of a type counts, 4.1.4.1
    if (capability.bytes < bytes_min || capability.offset % 4 != 0) return fail(Error::kBadData);
    window = TRY(bars.open(capability.bar, capability.offset, capability.bytes));
    return {};
  };
  TRY(each_capability(config, [&](const Capability& capability, usize at) -> Result<void> {
    switch (static_cast<CapabilityType>(capability.type)) {
      case CapabilityType::kCommon: return open(transport.common_, capability, kCommonBytes);
      case CapabilityType::kDevice: return open(transport.device_, capability, 4);
      case CapabilityType::kNotify:
        if (!transport.notify_) transport.notify_multiplier_ = value_at<u32>(config, at + kNotifyMultiplier);
        return open(transport.notify_, capability, 2);
      default: return {};
    }
  }));
  if (!transport.common_ || !transport.notify_) return fail(Error::kNotSupported);
  return transport;
}

Result<void> Transport::reset() {
  set(kDeviceStatus, 0);
  const u64 deadline = now_ns() + kResetNsMax;
  while (get(kDeviceStatus) != 0) {  // 4.1.4.3.2; there is no interrupt for this
    if (now_ns() > deadline) return fail(Error::kIo);
    call::thread_yield();
  }
  return {};
}

u64 Transport::device_features() {
  set(kDeviceFeatureSelect, 0);
  const u64 low = get(kDeviceFeature);
  set(kDeviceFeatureSelect, 1);
  return low | u64{get(kDeviceFeature)} << 32;
}

// 3.1.1
Result<u64> Transport::negotiate(u64 required, u64 wanted) {
  TRY(reset());
  set(kDeviceStatus, kStatusAcknowledge);
  set(kDeviceStatus, kStatusAcknowledge | kStatusDriver);
  const u64 offered = device_features();
  if ((offered & required) != required) {
    set(kDeviceStatus, kStatusFailed);
    return fail(Error::kNotSupported);
  }
  const u64 agreed = offered & (required | wanted);
  set(kDriverFeatureSelect, 0);
  set(kDriverFeature, static_cast<u32>(agreed));
  set(kDriverFeatureSelect, 1);
  set(kDriverFeature, static_cast<u32>(agreed >> 32));
  set(kDeviceStatus, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk);
  if ((get(kDeviceStatus) & kStatusFeaturesOk) == 0) return fail(Error::kNotSupported);
  queue_count_ = static_cast<u16>(std::min<u32>(get(kQueueCount), kQueuesMax));
  TRY(read_notify_offsets());
  return agreed;
}

Result<void> Transport::read_notify_offsets() {
  notify_offsets_.assign(queue_count_, 0);
  for (u16 i = 0; i < queue_count_; ++i) {
    set(kQueueSelect, i);
    const u64 offset = u64{get(kQueueNotifyOffset)} * notify_multiplier_;
    if (offset % 2 != 0 || offset + 2 > notify_->bytes()) return fail(Error::kBadData);
    notify_offsets_[i] = static_cast<u32>(offset);
  }
  return {};
}

u16 Transport::queue_size_max(u16 queue) {
  if (queue >= queue_count_) return 0;
  set(kQueueSelect, queue);
  return static_cast<u16>(get(kQueueSize));
}

Result<void> Transport::set_up_queue(u16 queue, u16 size, const QueueAddresses& addresses, u16 vector) {
  const auto low = [](u64 value) { return static_cast<u32>(value); };
  const auto high = [](u64 value) { return static_cast<u32>(value >> 32); };
  set(kQueueSelect, queue);
  if (get(kQueueEnable) != 0) return fail(Error::kIo);
  set(kQueueSize, size);
  set(kQueueVector, vector);
  if (get(kQueueVector) != vector || get(kQueueSize) != size)
    return fail(Error::kIo);  // 4.1.5.1.2.1: the device has no room for the vector
  set(kQueueDescriptorsLow, low(addresses.descriptors));
  set(kQueueDescriptorsHigh, high(addresses.descriptors));
  set(kQueueDriverLow, low(addresses.driver));
  set(kQueueDriverHigh, high(addresses.driver));
  set(kQueueDeviceLow, low(addresses.device));
  set(kQueueDeviceHigh, high(addresses.device));
  set(kQueueEnable, 1);
  return {};
}

Result<void> Transport::set_config_vector(u16 vector) {
  set(kConfigVector, vector);
  if (get(kConfigVector) != vector) return fail(Error::kIo);
  return {};
}

void Transport::start() { set(kDeviceStatus, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk); }

bool Transport::needs_reset() { return (get(kDeviceStatus) & kStatusNeedsReset) != 0; }

void Transport::read_device_config(u32 offset, std::span<std::byte> to) {
  for (int attempt = 0; attempt < kConfigReadsMax; ++attempt) {
    const u32 generation = get(kConfigGeneration);
    for (usize i = 0; i < to.size(); ++i) {
      const u64 at = u64{offset} + i;
      to[i] = device_ && at < device_->bytes() ? static_cast<std::byte>(device_->read(static_cast<u32>(at), 1)) : std::byte{0};
    }
    if (get(kConfigGeneration) == generation) return;
  }
}

}  // namespace hati::virtio
