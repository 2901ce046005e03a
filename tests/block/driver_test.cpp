// SPDX-License-Identifier: MIT
// Driver and client library together against a model of a disk, on the in-process kernel: an honest device, broken ones, connections that break.
#include "drivers/virtio-block/disk.h"

#include <gtest/gtest.h>
#include <linux/virtio_blk.h>

#include <algorithm>
#include <random>

#include "drivers/virtio-block/session.h"
#include "drivers/virtio/kernel_pins.h"
#include "drivers/virtio/testing/device_model.h"
#include "hosted/simulation.h"
#include "runtime/combine.h"
#include "runtime/tests/run.h"
#include "servers/block_client/disk.h"

namespace hati::virtio_block {
namespace {

using virtio::testing::DeviceModel;

TEST(Numbers, AreLinuxs) {
  EXPECT_EQ(offsetof(DeviceConfig, block_bytes), offsetof(virtio_blk_config, blk_size));
  EXPECT_EQ(offsetof(DeviceConfig, queues), offsetof(virtio_blk_config, num_queues));
  EXPECT_EQ(offsetof(DeviceConfig, discard_sectors_max), offsetof(virtio_blk_config, max_discard_sectors));
  EXPECT_EQ(offsetof(DeviceConfig, zeroes_sectors_max), offsetof(virtio_blk_config, max_write_zeroes_sectors));
  EXPECT_EQ(kFeatureWriteZeroes, u64{1} << VIRTIO_BLK_F_WRITE_ZEROES);
  EXPECT_EQ(kFeatureFlush, u64{1} << VIRTIO_BLK_F_FLUSH);
  EXPECT_EQ(kTypeDiscard, u32{VIRTIO_BLK_T_DISCARD});
  EXPECT_EQ(kTypeWriteZeroes, u32{VIRTIO_BLK_T_WRITE_ZEROES});
  EXPECT_EQ(sizeof(Range), sizeof(virtio_blk_discard_write_zeroes));
}

constexpr u64 kSectors = 4096;
constexpr u32 kFirstGsi = 100;

// A disk behind the registers. Requests wait until work() is called.
class DiskModel : public DeviceModel {
 public:
  explicit DiskModel(u64 seed, u16 queue_count = 2) : DeviceModel(queue_count), random(seed), bytes(kSectors * 512) {
    features |= kFeatureFlush | kFeatureQueues | kFeatureSegmentsMax | kFeatureDiscard | kFeatureWriteZeroes | kFeatureBlockSize;
    DeviceConfig c{};
    c.sectors = kSectors;
    c.segments_max = 5;
    c.block_bytes = 4096;
    c.queues = queue_count;
    c.discard_sectors_max = 64;
    c.zeroes_sectors_max = 16;
    config.resize(sizeof(c));
    std::memcpy(config.data(), &c, sizeof(c));
    on_reset = [this] { waiting.clear(); };
    on_notify = [](u16) {};
  }
  // Does some of what was asked for, in any order.
  void work() {
    if (silent) return;
    for (u16 q = 0; q < queues.size(); ++q)
      while (auto request = take(q)) waiting.emplace_back(q, *std::move(request));
    std::ranges::shuffle(waiting, random);
    for (usize left = random() % 4 + 1; left > 0 && !waiting.empty(); --left) {
      auto [q, request] = std::move(waiting.back());
      waiting.pop_back();
      carry_out(request);
      if (mischief)
        mischief(q, request);
      else if (complete(q, request.head, 1))
        hosted::raise_interrupt(kFirstGsi + queues[q].vector);
      if (mischief) hosted::raise_interrupt(kFirstGsi + queues[q].vector);
    }
  }

  std::mt19937_64 random;
  std::vector<std::byte> bytes;
  std::vector<std::pair<u16, Request>> waiting;
  std::function<void(u16 queue, const Request&)> mischief;
  bool silent = false;
  u8 answer = kStatusOk;
  u32 flushes = 0, requests = 0;

 private:
  void carry_out(const Request& request) {
    ++requests;
    RequestHeader header;
    std::memcpy(&header, reinterpret_cast<const void*>(request.chain.front().address), sizeof(header));
    EXPECT_LE(request.chain.size(), 7u) << "more segments than the device takes";
    u64 at = header.sector * 512;
    for (usize i = 1; i + 1 < request.chain.size(); ++i) {
      const auto& segment = request.chain[i];
      auto* const memory = reinterpret_cast<std::byte*>(segment.address);
      if (header.type == kTypeRead || header.type == kTypeWrite) {
        ASSERT_LE(at + segment.bytes, bytes.size());
        if (header.type == kTypeRead)
          std::memcpy(memory, bytes.data() + at, segment.bytes);
        else
          std::memcpy(bytes.data() + at, memory, segment.bytes);
        at += segment.bytes;
      } else {
        Range range;
        std::memcpy(&range, memory, sizeof(range));
        EXPECT_LE(range.sectors, header.type == kTypeDiscard ? 64u : 16u);
        std::memset(bytes.data() + range.sector * 512, 0, range.sectors * 512);
      }
    }
    flushes += header.type == kTypeFlush ? 1 : 0;
    *reinterpret_cast<u8*>(request.chain.back().address) = answer;
  }
};

// The driver, and a client of it.
struct Rig : block::Connector {
  explicit Rig(DiskModel& m)
      : model(m),
        resource(hosted::resource()),
        pins(*Dma::create(resource.get())),
        disk(*virtio::Transport::create(m.config_space(), m), pins) {}
  Task<Result<Channel>> connect(u32 instance) override {
    if (instance != 0) co_return fail(Error::kNotFound);
    co_await drop_session();
    // A driver that comes after another has reset the device: nothing of the other's is under way then.
    while (!model.waiting.empty() || !model.all_taken()) (void)co_await sleep_for(1000);
    auto [ours, theirs] = CO_TRY(Channel::create());
    last_session = std::make_unique<Scope>();
    last_session->start(Session::serve_client(disk, pins, "vda", std::move(ours)));
    co_return std::move(theirs);
  }
  Task<void> drop_session() {
    const auto session = std::move(last_session);
    if (!session) co_return;
    session->cancel();
    co_await session->join();
  }
  Result<void> open(u32 vectors) {
    std::vector<Interrupt> interrupts;
    for (u32 i = 0; i < vectors; ++i)
      interrupts.push_back(TRY(Interrupt::create(resource.get(), kFirstGsi + i, InterruptFlags::kEdgeHigh)));
    return disk.open(std::move(interrupts), 8);
  }
  static Task<void> device(DiskModel& m) {
    while (co_await sleep_for(1000)) m.work();
  }

  DiskModel& model;
  OwnedHandle resource;
  virtio::KernelPins pins;
  Disk disk;
  std::unique_ptr<Scope> last_session;
};

using Body = Task<void> (*)(block::Disk&, Rig&);
Task<void> with_disk(Rig& rig, Body body) {
  Scope driver, client;
  driver.start(rig.disk.run());
  driver.start(Rig::device(rig.model));
  auto disk = co_await block::Disk::open(rig, "vda");
  EXPECT_TRUE(disk);
  if (disk) {
    client.start((*disk)->run());
    co_await body(**disk, rig);
  }
  client.cancel();
  co_await client.join();
  disk->reset();
  co_await rig.drop_session();
  rig.model.silent = false;
  while (!rig.model.waiting.empty()) (void)co_await sleep_for(10'000);
  driver.cancel();
  co_await driver.join();
}
void check(Body body, void (*prepare)(DiskModel&) = [](DiskModel&) {}) {
  for (u64 seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    DiskModel model(seed);
    prepare(model);
    Simulation simulation(seed, 2);
    Rig rig(model);
    ASSERT_TRUE(rig.open(3));
    EXPECT_EQ(rig.disk.lanes(), 2u);
    ASSERT_EQ(simulation.run(testing::finished(with_disk(rig, body))), 7);
  }
}

struct Buffer {
  Memory memory;
  Mapping mapping;
  std::shared_ptr<block::Attachment> attachment;
};
Task<Result<Buffer>> make_buffer(block::Disk& disk, u64 bytes) {
  Buffer buffer;
  buffer.memory = CO_TRY(Memory::create(bytes));
  buffer.mapping = CO_TRY(buffer.memory.map(0, bytes, Protection::kRead | Protection::kWrite));
  buffer.attachment = CO_TRY(co_await disk.attach(buffer.memory));
  co_return buffer;
}

Task<void> one_writer(block::Disk& disk, u64 number, bool expect_errors) {
  auto buffer = co_await make_buffer(disk, 65536);
  EXPECT_TRUE(buffer);
  std::mt19937_64 random(number);
  auto* const words = buffer->mapping.as<u64>();
  for (int round = 0; round < 12; ++round) {
    const u64 sector = number * 256 + random() % 128, bytes = (random() % 60 + 1) * 512, offset = random() % 8 * 512;
    for (u64 i = 0; i < bytes / 8; ++i) words[offset / 8 + i] = random();
    const std::vector<u64> written(words + offset / 8, words + (offset + bytes) / 8);
    const auto wrote = co_await disk.write(*buffer->attachment, offset, sector, bytes);
    if (!wrote) {
      EXPECT_TRUE(expect_errors && wrote.error() == Error::kIo);
      continue;
    }
    std::memset(buffer->mapping.as<>(), 0, 65536);
    const auto got = co_await disk.read(*buffer->attachment, offset, sector, bytes);
    EXPECT_TRUE(got || (expect_errors && got.error() == Error::kIo));
    if (got) EXPECT_TRUE(std::ranges::equal(written, std::span(words + offset / 8, bytes / 8)));
  }
  co_await disk.detach(buffer->attachment);
}
Task<void> many_writers(block::Disk& disk, bool expect_errors) {
  Scope scope;
  for (u64 i = 0; i < 6; ++i) scope.start_on(Runtime::worker(i % 2), one_writer(disk, i, expect_errors));
  co_await scope.join();
}

Task<void> honest(block::Disk& disk, Rig&) { co_await many_writers(disk, false); }
TEST(Disk, ParallelRequestsHoldTheirData) { check(honest); }
TEST(Disk, WithoutIndirectDescriptorsAndEventIndices) {
  check(honest, [](DiskModel& model) { model.features &= ~(virtio::kFeatureIndirect | virtio::kFeatureEventIndex); });
}
TEST(Disk, SegmentsOfLimitedSize) {
  check(honest, [](DiskModel& model) {
    model.features |= kFeatureSizeMax;
    const u32 size = 1500;
    std::memcpy(model.config.data() + offsetof(DeviceConfig, size_max), &size, sizeof(size));
  });
}

Task<void> other_operations(block::Disk& disk, Rig& rig) {
  EXPECT_EQ(disk.info().block_bytes, 4096u);
  std::ranges::fill(rig.model.bytes, std::byte{0xaa});
  EXPECT_TRUE(co_await disk.write_zeroes(10, 100 * 512));
  EXPECT_EQ(rig.model.bytes[10 * 512 - 1], std::byte{0xaa});
  for (u64 i = 10 * 512; i < 110 * 512; ++i) EXPECT_EQ(rig.model.bytes[i], std::byte{0});
  EXPECT_EQ(rig.model.bytes[110 * 512], std::byte{0xaa});
  EXPECT_TRUE(co_await disk.discard(200, 100 * 512));
  EXPECT_TRUE(co_await disk.flush());
  EXPECT_EQ(rig.model.flushes, 1u);
  EXPECT_EQ((co_await disk.discard(kSectors, 512)).error(), Error::kInvalidArgument);
  rig.model.answer = kStatusIo;
  EXPECT_EQ((co_await disk.flush()).error(), Error::kIo);
  rig.model.answer = kStatusUnsupported;
  EXPECT_EQ((co_await disk.flush()).error(), Error::kNotSupported);
  rig.model.answer = 0x55;
  EXPECT_EQ((co_await disk.flush()).error(), Error::kIo);
}
TEST(Disk, FlushDiscardZeroes) { check(other_operations); }

Task<void> cacheless(block::Disk& disk, Rig& rig) {
  EXPECT_TRUE(co_await disk.flush());
  EXPECT_EQ(rig.model.requests, 0u);
  EXPECT_EQ((co_await disk.discard(0, 512)).error(), Error::kAccess);
  auto buffer = co_await make_buffer(disk, 4096);
  EXPECT_EQ((co_await disk.write(*buffer->attachment, 0, 0, 512)).error(), Error::kAccess);
  EXPECT_EQ((co_await disk.read(*buffer->attachment, 4096, 0, 512)).error(), Error::kInvalidArgument);
  EXPECT_EQ((co_await disk.read(*buffer->attachment, ~u64{511}, 0, 1024)).error(), Error::kInvalidArgument);
  EXPECT_TRUE(co_await disk.read(*buffer->attachment, 0, kSectors - 1, 512));
}
TEST(Disk, ReadOnlyWithoutCacheOrDiscard) {
  check(cacheless, [](DiskModel& model) { model.features = (model.features & ~(kFeatureFlush | kFeatureDiscard)) | kFeatureReadOnly; });
}

// A device that answers wrongly now and then: errors, resets, and right data where there is no error.
Task<void> malicious(block::Disk& disk, Rig& rig) {
  rig.model.mischief = [&model = rig.model](u16 queue, const DeviceModel::Request& request) {
    switch (model.random() % 24) {
      case 0: model.complete(queue, static_cast<u32>(model.random()), 0); break;
      case 1: model.set_used_index(queue, static_cast<u16>(model.used_index(queue) + 20'000)); break;
      case 2: model.complete(queue, request.head, ~0u), model.complete(queue, request.head, 0); break;
      case 3:
        model.status |= virtio::kStatusNeedsReset;
        hosted::raise_interrupt(kFirstGsi);
        break;
      default: model.complete(queue, request.head, static_cast<u32>(model.random()));
    }
  };
  co_await many_writers(disk, true);
  rig.model.mischief = nullptr;
  EXPECT_GT(rig.model.reset_count, 1u);
  co_await many_writers(disk, false);
}
TEST(Disk, MaliciousDevice) { check(malicious); }

// The connection breaks under the requests; the client's users see nothing of it.
Task<void> break_connections(Rig& rig, const bool& over) {
  while (!over) {
    (void)co_await sleep_for(15'000);
    co_await rig.drop_session();
  }
}
Task<void> reconnects(block::Disk& disk, Rig& rig) {
  bool over = false;
  Scope scope;
  scope.start(break_connections(rig, over));
  co_await many_writers(disk, false);
  over = true;
  co_await scope.join();
}
TEST(Disk, ConnectionsThatBreak) { check(reconnects); }

TEST(Disk, Refused) {
  DiskModel model(1);
  Simulation simulation(1, 1);
  {
    Rig rig(model);
    EXPECT_EQ(rig.open(0), fail(Error::kNotSupported));
  }
  {
    Rig rig(model);
    ASSERT_TRUE(rig.open(1));  // one vector: one lane, no word of changes
    EXPECT_EQ(rig.disk.lanes(), 1u);
  }
  model.features = virtio::kFeatureIndirect;
  Rig rig(model);
  EXPECT_EQ(rig.open(2), fail(Error::kNotSupported));
}

}  // namespace
}  // namespace hati::virtio_block
