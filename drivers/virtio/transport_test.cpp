// SPDX-License-Identifier: MIT
#include "drivers/virtio/transport.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "drivers/virtio/testing/device_model.h"

namespace hati::virtio {
namespace {

using testing::DeviceModel;

TEST(Transport, NegotiatesAndSetsUpAQueue) {
  DeviceModel model(2);
  u16 notified = 99;
  model.on_notify = [&](u16 queue) { notified = queue; };
  auto transport = Transport::create(model.config_space(), model);
  ASSERT_TRUE(transport);
  const auto agreed = transport->negotiate(kFeatureVersion1, kFeatureIndirect | feature(5));
  ASSERT_TRUE(agreed);
  EXPECT_EQ(*agreed, kFeatureVersion1 | kFeatureIndirect);
  EXPECT_EQ(model.driver_features, *agreed);
  EXPECT_EQ(transport->queue_count(), 2);
  EXPECT_EQ(transport->queue_size_max(1), 256);
  EXPECT_EQ(transport->queue_size_max(2), 0);
  ASSERT_TRUE(transport->set_up_queue(1, 64, {0x1'0000'1000, 0x2'0000'2000, 0x3'0000'3000}, 3));
  EXPECT_EQ(model.queues[1].at(model.queues[1].driver), 0x2'0000'2000u);
  EXPECT_EQ(model.queues[1].size, 64);
  EXPECT_EQ(model.queues[1].vector, 3);
  transport->start();
  EXPECT_TRUE(model.status & kStatusDriverOk);
  transport->notify(1);
  EXPECT_EQ(notified, 1);
  EXPECT_FALSE(transport->needs_reset());
  model.status |= kStatusNeedsReset;
  EXPECT_TRUE(transport->needs_reset());
}

TEST(Transport, Refusals) {
  {
    DeviceModel model(1);
    model.features = kFeatureIndirect;  // only the old protocol
    auto transport = Transport::create(model.config_space(), model);
    EXPECT_EQ(transport->negotiate(kFeatureVersion1, 0).error(), Error::kNotSupported);
  }
  {
    DeviceModel model(1);
    model.accepts = false;
    auto transport = Transport::create(model.config_space(), model);
    EXPECT_EQ(transport->negotiate(kFeatureVersion1, 0).error(), Error::kNotSupported);
  }
  {
    DeviceModel model(1);
    model.resets = false;
    model.status = 7;
    auto transport = Transport::create(model.config_space(), model);
    EXPECT_EQ(transport->negotiate(kFeatureVersion1, 0).error(), Error::kIo);
  }
  {
    DeviceModel model(2);
    model.notify_multiplier = 0x1000;  // the second queue's doorbell is outside
    auto transport = Transport::create(model.config_space(), model);
    EXPECT_EQ(transport->negotiate(kFeatureVersion1, 0).error(), Error::kBadData);
  }
  DeviceModel model(1);
  auto transport = Transport::create(model.config_space(), model);
  ASSERT_TRUE(transport->negotiate(kFeatureVersion1, 0));
  EXPECT_EQ(transport->set_up_queue(0, 8, {}, 20), fail(Error::kIo)) << "the device has no such vector";
  EXPECT_EQ(Transport::create(std::vector<std::byte>(256), model).error(), Error::kNotSupported);
}

TEST(Transport, HostileCapabilities) {
  DeviceModel model(1);
  std::mt19937 random(5);
  for (int round = 0; round < 5000; ++round) {
    auto space = model.config_space();
    for (int i = 0; i < 6; ++i) space[0x34 + random() % 0x50] = static_cast<std::byte>(random());
    auto transport = Transport::create(space, model);
    if (transport) (void)transport->negotiate(kFeatureVersion1, 0);
  }
  auto circle = model.config_space();
  circle[0x41] = std::byte{0x40};
  EXPECT_EQ(Transport::create(circle, model).error(), Error::kNotSupported);
}

TEST(Transport, DeviceConfigBeyondItsEndIsZero) {
  DeviceModel model(1);
  model.config = {std::byte{1}, std::byte{2}};
  auto transport = Transport::create(model.config_space(), model);
  const auto words = transport->device_config<std::array<u8, 4>>();
  EXPECT_EQ(words, (std::array<u8, 4>{1, 2, 0, 0}));
  std::array<std::byte, 4> far{};
  transport->read_device_config(0xffe, far);
  EXPECT_EQ(far[3], std::byte{0});
}

}  // namespace
}  // namespace hati::virtio
