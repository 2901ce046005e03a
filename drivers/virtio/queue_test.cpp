// SPDX-License-Identifier: MIT
// The driver's side of a queue against the device's, an honest one and others.
#include "drivers/virtio/queue.h"

#include <gtest/gtest.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#define VIRTIO_RING_NO_LEGACY 1  // functions that are no C++
#include <linux/virtio_ring.h>

#include <random>

#include "drivers/virtio/testing/device_model.h"
#include "drivers/virtio/testing/host_memory.h"

namespace hati::virtio {
namespace {

constexpr u64 kAll = kFeatureVersion1 | kFeatureIndirect | kFeatureEventIndex;

// A queue that model and driver share.
struct Shared {
  explicit Shared(u16 size, u64 features = kAll) : model(1), queue(*SplitQueue::create(size, features, allocator)) {
    auto& q = model.queues[0];
    q.size = size;
    q.enabled = 1;
    const QueueAddresses& at = queue.addresses();
    for (int i = 0; i < 2; ++i) {
      q.descriptors[i] = static_cast<u32>(at.descriptors >> i * 32);
      q.driver[i] = static_cast<u32>(at.driver >> i * 32);
      q.device[i] = static_cast<u32>(at.device >> i * 32);
    }
  }
  std::optional<u16> send(usize segments = 3) {
    const auto request = queue.reserve();
    if (!request) return std::nullopt;
    std::vector<Segment> list;
    for (usize i = 0; i < segments; ++i) list.push_back({0x1000 * (i + 1), static_cast<u32>(100 + i), i + 1 == segments});
    if (!queue.submit(*request, list)) {
      queue.cancel(*request);
      return std::nullopt;
    }
    return request;
  }

  testing::HostAllocator allocator;
  testing::DeviceModel model;
  SplitQueue queue;
};

TEST(Numbers, AreLinuxs) {
  EXPECT_EQ(kFeatureVersion1, u64{1} << VIRTIO_F_VERSION_1);
  EXPECT_EQ(kFeatureIndirect, u64{1} << VIRTIO_RING_F_INDIRECT_DESC);
  EXPECT_EQ(kFeatureEventIndex, u64{1} << VIRTIO_RING_F_EVENT_IDX);
  EXPECT_EQ(sizeof(Descriptor), sizeof(vring_desc));
  EXPECT_EQ(kDescriptorWrite, VRING_DESC_F_WRITE);
  EXPECT_EQ(kDescriptorIndirect, VRING_DESC_F_INDIRECT);
  EXPECT_EQ(sizeof(UsedElement), sizeof(vring_used_elem));
  EXPECT_EQ(sizeof(Capability), sizeof(virtio_pci_cap));
  EXPECT_EQ(offsetof(Capability, offset), offsetof(virtio_pci_cap, offset));
  EXPECT_EQ(kCommonBytes, sizeof(virtio_pci_common_cfg));
  EXPECT_EQ(kQueueSelect.offset, offsetof(virtio_pci_common_cfg, queue_select));
  EXPECT_EQ(kDeviceStatus.offset, offsetof(virtio_pci_common_cfg, device_status));
  EXPECT_EQ(kQueueNotifyOffset.offset, offsetof(virtio_pci_common_cfg, queue_notify_off));
  EXPECT_EQ(kQueueDeviceHigh.offset, offsetof(virtio_pci_common_cfg, queue_used_hi));
  EXPECT_EQ(kStatusNeedsReset, VIRTIO_CONFIG_S_NEEDS_RESET);
}

TEST(Queue, SegmentsArriveAsTheyWereSent) {
  for (const u64 features : {kAll, kFeatureVersion1}) {
    Shared s(8, features);
    const auto request = s.send(4);
    ASSERT_TRUE(request);
    EXPECT_FALSE(s.model.take(0)) << "not published yet";
    EXPECT_TRUE(s.queue.publish());
    const auto seen = s.model.take(0);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->head, *request);
    ASSERT_EQ(seen->chain.size(), 4u);
    EXPECT_EQ(seen->chain[2].address, 0x3000u);
    EXPECT_EQ(seen->chain[2].bytes, 102u);
    EXPECT_FALSE(seen->chain[2].flags & kDescriptorWrite);
    EXPECT_TRUE(seen->chain[3].flags & kDescriptorWrite);
    s.model.complete(0, seen->head, 7);
    const auto used = s.queue.take_used();
    ASSERT_TRUE(used && *used);
    EXPECT_EQ((*used)->request, *request);
    EXPECT_EQ((*used)->bytes, 7u);
    EXPECT_FALSE(*s.queue.take_used());
    EXPECT_EQ(s.queue.in_flight(), 0);
  }
}

// Any order of completion, index wrap-around included.
TEST(Queue, ManyRequestsInAnyOrder) {
  for (const u64 features : {kAll, kFeatureVersion1, kFeatureVersion1 | kFeatureIndirect}) {
    Shared s(16, features);
    std::mt19937 random(3);
    std::vector<u16> with_device;
    u32 completed = 0;
    for (int step = 0; step < 200'000; ++step) {
      if (random() % 2 == 0) (void)s.send(1 + random() % 4);
      s.queue.publish();
      while (const auto seen = s.model.take(0)) with_device.push_back(seen->head);
      if (!with_device.empty() && random() % 2 == 0) {
        const usize which = random() % with_device.size();
        s.model.complete(0, with_device[which], 0);
        with_device.erase(with_device.begin() + static_cast<std::ptrdiff_t>(which));
      }
      const auto used = s.queue.take_used();
      ASSERT_TRUE(used);
      completed += *used ? 1 : 0;
    }
    EXPECT_GT(completed, 70'000u);
  }
}

TEST(Queue, FullIsNotAnError) {
  Shared s(4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(s.send());
  EXPECT_FALSE(s.queue.reserve());
  Shared direct(4, kFeatureVersion1);
  EXPECT_TRUE(direct.send(3));
  const auto request = direct.queue.reserve();
  ASSERT_TRUE(request);
  const Segment two[] = {{1, 1, false}, {2, 1, true}};
  EXPECT_EQ(direct.queue.submit(*request, two), fail(Error::kWouldBlock));
  direct.queue.cancel(*request);
  EXPECT_EQ(direct.queue.in_flight(), 1);
}

TEST(Queue, NotifiesAndIsInterruptedOnlyWhenWanted) {
  Shared s(8);
  (void)s.send();
  EXPECT_TRUE(s.queue.publish());
  (void)s.send();
  EXPECT_FALSE(s.queue.publish()) << "the device has not looked at the first yet";
  const u16 first = s.model.take(0)->head, second = s.model.take(0)->head;
  EXPECT_TRUE(s.queue.arm());
  EXPECT_TRUE(s.model.complete(0, first, 0));
  EXPECT_FALSE(s.model.complete(0, second, 0)) << "one interrupt is enough";
  EXPECT_FALSE(s.queue.arm()) << "something is there";
  (void)s.queue.take_used();
  (void)s.queue.take_used();
  EXPECT_TRUE(s.queue.arm());
}

TEST(MaliciousDevice, UsedIdsThatAreNotInFlight) {
  for (const u32 id : {1u, 7u, 8u, 0xffffu, 0x10000u, ~0u}) {
    Shared s(8);
    const auto request = s.send();
    ASSERT_EQ(*request, 0);
    s.queue.publish();
    s.model.complete(0, id, ~0u);
    EXPECT_EQ(s.queue.take_used().error(), Error::kIo) << id;
  }
}

TEST(MaliciousDevice, TheSameRequestTwice) {
  Shared s(8);
  (void)s.send();
  (void)s.send();
  s.queue.publish();
  s.model.complete(0, 0, 0);
  s.model.complete(0, 0, 0);
  EXPECT_TRUE(s.queue.take_used());
  EXPECT_EQ(s.queue.take_used().error(), Error::kIo);
}

TEST(MaliciousDevice, IndicesFromNowhere) {
  for (const u16 index : {u16{2}, u16{9}, u16{0x8000}, u16{0xffff}}) {
    Shared s(8);
    (void)s.send();
    s.queue.publish();
    s.model.set_used_index(0, index);
    EXPECT_EQ(s.queue.take_used().error(), Error::kIo) << index;
  }
}

TEST(MaliciousDevice, ScribblesOverTheRings) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 3000; ++round) {
    Shared s(8, round % 2 == 0 ? kAll : kFeatureVersion1);
    for (int step = 0; step < 40; ++step) {
      (void)s.send(1 + random() % 3);
      s.queue.publish();
      auto* const rings = reinterpret_cast<u16*>(s.queue.addresses().descriptors);
      rings[random() % 400] = static_cast<u16>(random() % (random() % 2 == 0 ? 12 : 65536));
      const auto used = s.queue.take_used();
      if (!used) break;
      if (*used) EXPECT_LT((*used)->request, 8);
      s.queue.arm();
    }
    EXPECT_LE(s.queue.in_flight(), 8);
  }
}

}  // namespace
}  // namespace hati::virtio
