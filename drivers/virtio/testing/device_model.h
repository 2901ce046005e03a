// SPDX-License-Identifier: MIT
// A virtio device for host tests: its configuration space, its registers, and the device's side of split queues. Addresses are those of this process.
// What it does with a request is up to the test; so is everything malicious.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "drivers/virtio/registers.h"
#include "drivers/virtio/window.h"

namespace hati::virtio::testing {

class DeviceModel : public Bars {
 public:
  struct Queue {
    u16 size_max = 256, size = 256, vector = kNoVector, enabled = 0;
    u32 descriptors[2] = {}, driver[2] = {}, device[2] = {};
    u16 seen = 0;  // available index
    u64 at(const u32 (&words)[2]) const { return words[0] | u64{words[1]} << 32; }
  };
  // A request as its descriptors say.
  struct Request {
    u16 head;
    std::vector<Descriptor> chain;  // flattened
  };

  // What the device offers; `config` is its own configuration.
  u64 features = kFeatureVersion1 | kFeatureIndirect | kFeatureEventIndex;
  std::vector<std::byte> config;
  std::vector<Queue> queues;
  u16 vectors = 8;
  // Called for a notified queue, and for each reset.
  std::function<void(u16 queue)> on_notify = [](u16) {};
  std::function<void()> on_reset = [] {};
  bool resets = true;  // answers a reset
  bool accepts = true;  // takes the driver's choice of features
  u8 status = 0;
  u64 driver_features = 0;
  u16 config_vector = kNoVector;
  u32 notify_multiplier = 4;
  u32 reset_count = 0;

  explicit DeviceModel(u16 queue_count) : queues(queue_count) {}
  // A configuration space that describes the model; registers are in BAR 4.
  std::vector<std::byte> config_space() const;
  Result<std::unique_ptr<RegisterWindow>> open(u32 bar, u32 offset, u32 bytes) override;

  // The device's side of a queue.
  std::optional<Request> take(u16 queue);
  // Everything that the driver made available was taken.
  bool all_taken();
  // Says that a request is done. Whether the driver wants an interrupt for it.
  bool complete(u16 queue, u32 id, u32 bytes);
  void set_used_index(u16 queue, u16 index);
  u16 used_index(u16 queue);

  u32 read(u32 offset, u32 width);
  void write(u32 offset, u32 width, u32 value);

 private:
  static constexpr u32 kCommonAt = 0, kDeviceAt = 0x1000, kNotifyAt = 0x2000, kBarBytes = 0x4000;
  class Window;
  u32* queue_word(u32 offset);
  u32 read_common(u32 offset);
  void write_common(u32 offset, u32 value);
  void reset();

  u32 feature_select_ = 0, driver_feature_select_ = 0;
  u16 selected_ = 0;
};

}  // namespace hati::virtio::testing
