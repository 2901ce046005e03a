// SPDX-License-Identifier: MIT
// Bringing the device up, and again after it went wrong.
#include "drivers/virtio-block/disk.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "runtime/executor.h"
#include "runtime/log.h"

namespace hati::virtio_block {

Result<void> Disk::open(std::vector<Interrupt> interrupts, u32 lanes_max) {
  if (interrupts.empty()) return fail(Error::kNotSupported);
  const u16 first = interrupts.size() > 1 ? 1 : 0;
  if (first == 1) {
    config_interrupt_ = std::move(interrupts[0]);
    config_vector_ = 0;
  }
  const usize count = std::min<usize>(interrupts.size() - first, std::max(lanes_max, 1u));
  for (u16 i = 0; i < count; ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    lanes_[i]->interrupt = std::move(interrupts[first + i]);
    lanes_[i]->index = i;
    lanes_[i]->vector = static_cast<u16>(first + i);
  }
  return bring_up();
}

void Disk::read_geometry() {
  const auto config = transport_.device_config<DeviceConfig>();
  const auto has = [&](u64 feature) { return (features_ & feature) != 0; };
  constexpr u64 kSectorsMax = u64{1} << 54;  // its bytes fit into 64 bits
  Geometry geometry;
  geometry.sectors = std::min(config.sectors, kSectorsMax);
  const bool sane_block =
      std::has_single_bit(config.block_bytes) && config.block_bytes >= block::kSectorBytes && config.block_bytes <= 65536;
  if (has(kFeatureBlockSize) && sane_block) geometry.block_bytes = config.block_bytes;
  if (has(kFeatureReadOnly)) geometry.flags |= block::kDiskReadOnly;
  if (has(kFeatureFlush)) geometry.flags |= block::kDiskFlush;
  discard_sectors_max_ = has(kFeatureDiscard) ? config.discard_sectors_max : 0;
  zeroes_sectors_max_ = has(kFeatureWriteZeroes) ? config.zeroes_sectors_max : 0;
  if (discard_sectors_max_ != 0) geometry.flags |= block::kDiskDiscard;
  if (zeroes_sectors_max_ != 0) geometry.flags |= block::kDiskWriteZeroes;
  segments_max_ = has(kFeatureSegmentsMax) ? std::max(config.segments_max, 1u) : 1;
  segment_bytes_max_ = has(kFeatureSizeMax) ? config.size_max / block::kSectorBytes * block::kSectorBytes : 1u << 30;
  const u32 queues = has(kFeatureQueues) ? std::max<u32>(config.queues, 1) : 1;
  if (lanes_.size() > queues) lanes_.resize(queues);
  geometry_ = geometry;
}

Result<void> Disk::bring_up() {
  features_ =
      TRY(transport_.negotiate(virtio::kFeatureVersion1, virtio::kFeatureIndirect | virtio::kFeatureEventIndex | kFeatureSizeMax |
                                                             kFeatureSegmentsMax | kFeatureReadOnly | kFeatureBlockSize | kFeatureFlush |
                                                             kFeatureQueues | kFeatureDiscard | kFeatureWriteZeroes));
  const Geometry before = geometry_;
  const usize lanes_before = lanes_.size();
  read_geometry();
  if (segment_bytes_max_ == 0) return fail(Error::kNotSupported);
  // After a reset it must be the same disk: clients rely on it.
  if (before.sectors != 0 && (before.sectors != geometry_.sectors || lanes_before != lanes_.size())) return fail(Error::kIo);
  if (config_vector_ != virtio::kNoVector) TRY(transport_.set_config_vector(config_vector_));
  for (auto& lane : lanes_) TRY(set_up_lane(*lane));
  transport_.start();
  return {};
}

Result<void> Disk::set_up_lane(Lane& lane) {
  const u16 offered = transport_.queue_size_max(lane.index);
  if (offered == 0) return fail(Error::kNotSupported);
  const u16 size = std::bit_floor(std::min(offered, virtio::SplitQueue::kSizeMax));
  Rings rings;
  rings.queue = std::make_unique<virtio::SplitQueue>(TRY(virtio::SplitQueue::create(size, features_, allocator_)));
  queue_size_min_ = std::min<u32>(queue_size_min_, size);
  if (rings.queue->segments_max() < 3) return fail(Error::kNotSupported);  // header, data, status
  rings.headers = TRY(allocator_.allocate(page_ceil(size * kHeaderBytes)));
  TRY(transport_.set_up_queue(lane.index, size, rings.queue->addresses(), lane.vector));
  SpinGuard guard(lane.lock);
  lane.rings = std::move(rings);
  lane.jobs.assign(size, nullptr);
  lane.broken = false;
  return {};
}

// What the device has, and what waits for it, is taken away from it. The rings stay alive until the device has been reset.
std::vector<Disk::Rings> Disk::take_rings(Job*& done) {
  std::vector<Rings> taken;
  for (auto& lane : lanes_) {
    SpinGuard guard(lane->lock);
    taken.push_back(std::move(lane->rings));
    lane->rings = {};
    for (Job*& job : lane->jobs)
      if (job != nullptr) finish_part(*std::exchange(job, nullptr), static_cast<i32>(Error::kIo), done);
  }
  return taken;
}

Task<void> Disk::recover(bool in_any_case) {
  const auto guard = co_await control_.lock();
  bool needed = in_any_case;
  for (auto& lane : lanes_) {
    SpinGuard lane_guard(lane->lock);
    needed |= lane->broken;
  }
  if (!needed) co_return;
  Job* done = nullptr;
  {
    const std::vector<Rings> old = take_rings(done);
    const auto quiet = transport_.reset();
    if (!quiet) {
      // It may still write to the pages of these jobs: they are never given back.
      log_error("the device does not reset; this driver ends");
      std::_Exit(1);
    }
  }
  const auto up = bring_up();
  if (!up) log_error("the device cannot be used any more: {}", error_name(up.error()));
  for (auto& lane : lanes_) {
    SpinGuard lane_guard(lane->lock);
    lane->dead = !up;
    lane->broken = false;
  }
  call_done(done);
  for (auto& lane : lanes_) lane->room.wake_all();
}

Task<void> Disk::serve_lane(Lane& lane) {
  for (;;) {
    if (!drain(lane)) {
      log_error("the device has answered nonsense on queue {} and is reset", lane.index);
      co_await recover(false);
      continue;
    }
    if (!co_await interrupt_wait(lane.interrupt.get())) co_return;
  }
}

Task<void> Disk::serve_config() {
  while (co_await interrupt_wait(config_interrupt_.get())) {
    bool stuck = false;
    {
      const auto guard = co_await control_.lock();
      stuck = transport_.needs_reset();
    }
    if (!stuck) continue;
    log_error("the device asks to be reset");
    co_await recover(true);
  }
}

Task<void> Disk::run() {
  Scope scope(co_await current_cancel());
  for (auto& lane : lanes_) scope.start_on(Runtime::worker(lane->index % Runtime::worker_count()), serve_lane(*lane));
  if (config_vector_ != virtio::kNoVector) scope.start(serve_config());
  co_await scope.join();
}

}  // namespace hati::virtio_block
