// SPDX-License-Identifier: MIT
#include "drivers/virtio/testing/device_model.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace hati::virtio::testing {
namespace {

u64 slot_of(u16 index, u16 size) { return static_cast<u64>(index % size); }
u16* field(u64 address) { return reinterpret_cast<u16*>(address); }
u16 load(u64 address) { return std::atomic_ref<u16>(*field(address)).load(std::memory_order_acquire); }

}  // namespace

class DeviceModel::Window : public RegisterWindow {
 public:
  Window(DeviceModel& model, u32 offset, u32 bytes) : model_(model), offset_(offset), bytes_(bytes) {}
  u64 bytes() const override { return bytes_; }
  u32 read(u32 offset, u32 width) override { return model_.read(offset_ + offset, width); }
  void write(u32 offset, u32 width, u32 value) override { model_.write(offset_ + offset, width, value); }

 private:
  DeviceModel& model_;
  const u32 offset_, bytes_;
};

std::vector<std::byte> DeviceModel::config_space() const {
  std::vector<std::byte> space(4096);
  const auto put = [&](usize at, const auto& value) { std::memcpy(space.data() + at, &value, sizeof(value)); };
  put(6, u16{1 << 4});
  put(0x34, u8{0x40});
  const auto capability = [](CapabilityType type, u8 next, u8 length, u32 offset, u32 bytes) {
    return Capability{kCapabilityVendor, next, length, static_cast<u8>(type), 4, 0, {}, offset, bytes};
  };
  put(0x40, capability(CapabilityType::kCommon, 0x50, 16, kCommonAt, 0x1000));
  put(0x50, capability(CapabilityType::kDevice, 0x60, 16, kDeviceAt, 0x1000));
  put(0x60, capability(CapabilityType::kNotify, 0x00, 20, kNotifyAt, 0x1000));
  put(0x70, notify_multiplier);
  return space;
}

Result<std::unique_ptr<RegisterWindow>> DeviceModel::open(u32 bar, u32 offset, u32 bytes) {
  if (bar != 4) return fail(Error::kNotFound);
  if (offset > kBarBytes || bytes > kBarBytes - offset) return fail(Error::kBadData);
  return std::make_unique<Window>(*this, offset, bytes);
}

void DeviceModel::reset() {
  ++reset_count;
  status = 0;
  driver_features = 0;
  config_vector = kNoVector;
  for (Queue& queue : queues) {
    const u16 most = queue.size_max;
    queue = {};
    queue.size_max = queue.size = most;
  }
  on_reset();
}

u32* DeviceModel::queue_word(u32 offset) {
  if (selected_ >= queues.size()) return nullptr;
  Queue& queue = queues[selected_];
  if (offset >= kQueueDescriptorsLow.offset && offset < kQueueDriverLow.offset)
    return &queue.descriptors[(offset - kQueueDescriptorsLow.offset) / 4];
  if (offset >= kQueueDriverLow.offset && offset < kQueueDeviceLow.offset) return &queue.driver[(offset - kQueueDriverLow.offset) / 4];
  if (offset >= kQueueDeviceLow.offset && offset < kCommonBytes) return &queue.device[(offset - kQueueDeviceLow.offset) / 4];
  return nullptr;
}

u32 DeviceModel::read_common(u32 offset) {
  const bool exists = selected_ < queues.size();
  if (offset == kDeviceFeature.offset) return feature_select_ < 2 ? static_cast<u32>(features >> feature_select_ * 32) : 0;
  if (offset == kQueueCount.offset) return static_cast<u32>(queues.size());
  if (offset == kDeviceStatus.offset) return status;
  if (offset == kConfigVector.offset) return config_vector;
  if (!exists) return 0;
  const Queue& queue = queues[selected_];
  if (offset == kQueueSize.offset) return queue.size;
  if (offset == kQueueVector.offset) return queue.vector;
  if (offset == kQueueEnable.offset) return queue.enabled;
  if (offset == kQueueNotifyOffset.offset) return selected_;
  const u32* word = queue_word(offset);
  return word != nullptr ? *word : 0;
}

void DeviceModel::write_common(u32 offset, u32 value) {
  const auto half = static_cast<u16>(value);
  if (offset == kDeviceFeatureSelect.offset) feature_select_ = value;
  if (offset == kDriverFeatureSelect.offset) driver_feature_select_ = value;
  if (offset == kDriverFeature.offset && driver_feature_select_ < 2) driver_features |= u64{value} << driver_feature_select_ * 32;
  if (offset == kConfigVector.offset) config_vector = half < vectors ? half : kNoVector;
  if (offset == kQueueSelect.offset) selected_ = half;
  if (offset == kDeviceStatus.offset) {
    if (value == 0) return resets ? reset() : void();
    const bool refused = (value & kStatusFeaturesOk) != 0 && !accepts;
    status = static_cast<u8>(refused ? value & ~u32{kStatusFeaturesOk} : value);
  }
  if (selected_ >= queues.size()) return;
  Queue& queue = queues[selected_];
  if (offset == kQueueSize.offset) queue.size = half;
  if (offset == kQueueVector.offset) queue.vector = half < vectors ? half : kNoVector;
  if (offset == kQueueEnable.offset) queue.enabled = half;
  if (u32* word = queue_word(offset)) *word = value;
}

u32 DeviceModel::read(u32 offset, u32 width) {
  if (offset >= kNotifyAt) return 0;
  if (offset < kDeviceAt) return read_common(offset);
  u32 value = 0;
  for (u32 i = 0; i < width; ++i)
    if (offset - kDeviceAt + i < config.size()) value |= std::to_integer<u32>(config[offset - kDeviceAt + i]) << i * 8;
  return value;
}

void DeviceModel::write(u32 offset, u32, u32 value) {
  if (offset >= kNotifyAt)
    on_notify(static_cast<u16>(value));
  else if (offset < kDeviceAt)
    write_common(offset, value);
}

std::optional<DeviceModel::Request> DeviceModel::take(u16 number) {
  Queue& queue = queues[number];
  const u64 available = queue.at(queue.driver);
  if (queue.enabled == 0 || load(available + 2) == queue.seen) return std::nullopt;
  Request request{load(available + 4 + slot_of(queue.seen, queue.size) * 2), {}};
  ++queue.seen;
  const auto* table = reinterpret_cast<const Descriptor*>(queue.at(queue.descriptors));
  Descriptor at = table[request.head];
  if ((at.flags & kDescriptorIndirect) != 0) {
    table = reinterpret_cast<const Descriptor*>(at.address);
    at = table[0];
  }
  for (;; at = table[at.next]) {
    request.chain.push_back(at);
    if ((at.flags & kDescriptorNext) == 0) break;
  }
  // The next request is to be notified, with event indices.
  std::atomic_ref<u16>(*field(queue.at(queue.device) + 4 + u64{queue.size} * 8)).store(queue.seen, std::memory_order_release);
  return request;
}

bool DeviceModel::all_taken() {
  return std::ranges::all_of(queues, [](Queue& queue) { return queue.enabled == 0 || load(queue.at(queue.driver) + 2) == queue.seen; });
}

bool DeviceModel::complete(u16 number, u32 id, u32 bytes) {
  Queue& queue = queues[number];
  const u64 used = queue.at(queue.device);
  const u16 index = load(used + 2);
  *reinterpret_cast<UsedElement*>(used + 4 + slot_of(index, queue.size) * 8) = {id, bytes};
  set_used_index(number, static_cast<u16>(index + 1));
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if ((driver_features & features & kFeatureVersion1) != 0 && (driver_features & kFeatureEventIndex) == 0)
    return (load(queue.at(queue.driver)) & kAvailableNoInterrupt) == 0;
  return load(queue.at(queue.driver) + 4 + u64{queue.size} * 2) == index;
}

void DeviceModel::set_used_index(u16 number, u16 index) {
  std::atomic_ref<u16>(*field(queues[number].at(queues[number].device) + 2)).store(index, std::memory_order_release);
}
u16 DeviceModel::used_index(u16 number) { return load(queues[number].at(queues[number].device) + 2); }

}  // namespace hati::virtio::testing
