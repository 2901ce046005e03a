// SPDX-License-Identifier: MIT
// A virtio 1.x device behind PCI: its register windows, the negotiation of features, the set-up of queues. One thread at a time, except notify(),
// which any number may call.
#pragma once

#include <span>
#include <vector>

#include "drivers/virtio/registers.h"
#include "drivers/virtio/window.h"

namespace hati::virtio {

struct QueueAddresses {
  u64 descriptors, driver, device;  // as the device sees them
};

class Transport {
 public:
  // `config`: the function's configuration space, at least 256 bytes. kNotSupported: no virtio 1.x device (a legacy one); kBadData: capabilities
  // that point nowhere.
  static Result<Transport> create(std::span<const std::byte> config, Bars& bars);

  // Resets the device, then agrees on features: all of `required` and those of `wanted` that the device has. kNotSupported if one of `required` is
  // missing or the device rejects the choice; kIo if it does not reset. Returns what was agreed.
  Result<u64> negotiate(u64 required, u64 wanted);
  // Between negotiate() and start(). The largest size of a queue, 0 if it does not exist.
  u16 queue_size_max(u16 queue);
  // kIo: the device did not take it. `vector` is an index of its MSI-X table or kNoVector.
  Result<void> set_up_queue(u16 queue, u16 size, const QueueAddresses& addresses, u16 vector);
  Result<void> set_config_vector(u16 vector);
  void start();

  // On return the device touches no memory any more. kIo: it does not answer.
  Result<void> reset();
  // The device says that it is stuck.
  bool needs_reset();
  u16 queue_count() const { return queue_count_; }

  // Tells the device that a queue has requests.
  void notify(u16 queue) { notify_->write(notify_offsets_[queue], 2, queue); }

  // The device's own configuration; one that is read while it changes is read again. Bytes beyond its end are zero.
  void read_device_config(u32 offset, std::span<std::byte> to);
  template <class T>
  T device_config() {
    T result{};
    read_device_config(0, std::as_writable_bytes(std::span(&result, 1)));
    return result;
  }

 private:
  Transport() = default;
  u32 get(RegisterAt at) { return common_->read(at.offset, at.width); }
  void set(RegisterAt at, u32 value) { common_->write(at.offset, at.width, value); }
  u64 device_features();
  Result<void> read_notify_offsets();

  std::unique_ptr<RegisterWindow> common_, notify_, device_;
  u32 notify_multiplier_ = 0;
  u16 queue_count_ = 0;
  std::vector<u32> notify_offsets_;  // by queue
};

}  // namespace hati::virtio
