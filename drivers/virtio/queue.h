// SPDX-License-Identifier: MIT
// A split virtqueue (virtio 1.2, 2.7): requests go to the device as chains of descriptors and come back used. The rings are shared with the
// device, which may write anything there: what this side must rely on is kept in private memory and what comes back is checked against it.
// Not thread-safe: the owner has a lock.
#pragma once

#include <optional>
#include <vector>

#include "drivers/virtio/dma.h"
#include "drivers/virtio/registers.h"
#include "drivers/virtio/transport.h"

namespace hati::virtio {

// Memory that the device reads, or writes.
struct Segment {
  u64 address;
  u32 bytes;
  bool device_writes;
};

class SplitQueue {
 public:
  static constexpr u16 kSizeMax = 128;  // descriptors; all three rings then fit into one page
  static constexpr u32 kIndirectEntries = 64;  // segments of one request, with indirect descriptors

  // `size` is a power of two, at most kSizeMax. `features`: what was negotiated. kNoMemory, kInvalidArgument.
  static Result<SplitQueue> create(u16 size, u64 features, DmaAllocator& allocator);

  const QueueAddresses& addresses() const { return addresses_; }
  u16 size() const { return size_; }
  // Most segments of one request.
  u32 segments_max() const { return indirect_ ? kIndirectEntries : size_; }

  // A request's number, below size(), held until it is completed or cancelled. Nothing if all are in use.
  std::optional<u16> reserve();
  void cancel(u16 request);
  // Hands the request to the device at the next publish(). Segments that the device reads come first. kWouldBlock: not enough descriptors are free
  // now (without indirect descriptors); kTooBig, kNoMemory. After an error the request is still reserved.
  Result<void> submit(u16 request, std::span<const Segment> segments);
  // Shows the device what was submitted; whether it wants to be notified.
  bool publish();

  struct Used {
    u16 request;
    u32 bytes;  // that the device claims to have written; not to be relied on
  };
  // The next request that the device is done with; it is free again. Nothing if there is none. kIo: the device wrote what makes no sense; it must be
  // reset and the queue thrown away.
  Result<std::optional<Used>> take_used();
  // Asks for an interrupt with the next used request. False: there is one already, take it.
  bool arm();
  u16 in_flight() const { return in_flight_; }

 private:
  struct Slot {
    u16 next_free;
    u16 chain;  // descriptors it occupies; 0: not with the device
    bool reserved;
  };
  static constexpr u16 kNone = 0xffff;

  SplitQueue() = default;
  Result<void> submit_indirect(u16 request, std::span<const Segment> segments);
  Result<void> submit_direct(u16 request, std::span<const Segment> segments);
  void make_available(u16 request);
  void release(u16 request);
  static Descriptor describe(const Segment& segment) {
    return {segment.address, segment.bytes, static_cast<u16>(segment.device_writes ? kDescriptorWrite : 0), 0};
  }

  std::unique_ptr<DmaMemory> rings_, tables_;
  QueueAddresses addresses_{};
  u16 size_ = 0;
  bool indirect_ = false, event_index_ = false;
  Descriptor* descriptors_ = nullptr;
  u16* available_ = nullptr;  // flags, index, ring[size], used event
  u16* used_header_ = nullptr;  // flags, index; then elements, then available event
  UsedElement* used_ring_ = nullptr;
  u16* available_event_ = nullptr;

  std::vector<Slot> slots_;  // by descriptor
  std::vector<u16> next_;  // chains without indirect descriptors, by descriptor
  u16 free_ = kNone, free_count_ = 0;
  u16 submitted_ = 0, published_ = 0;  // free-running: next available index, what the device was shown
  u16 used_ = 0;  // next used index to look at
  u16 in_flight_ = 0;
};

}  // namespace hati::virtio
