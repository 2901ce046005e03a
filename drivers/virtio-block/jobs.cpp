// SPDX-License-Identifier: MIT
// From jobs to requests of the device, and back.
#include <algorithm>
#include <cstring>

#include "drivers/virtio-block/disk.h"

namespace hati::virtio_block {
namespace {

// Where things are in a request's kHeaderBytes.
constexpr u64 kRangeAt = sizeof(RequestHeader), kStatusAt = kRangeAt + sizeof(Range);
static_assert(kStatusAt < Disk::kHeaderBytes && kPageSize % Disk::kHeaderBytes == 0);
constexpr u8 kStatusUntouched = 0xff;

u32 request_type(DiskOperation operation) {
  switch (operation) {
    case DiskOperation::kRead: return kTypeRead;
    case DiskOperation::kWrite: return kTypeWrite;
    case DiskOperation::kFlush: return kTypeFlush;
    case DiskOperation::kDiscard: return kTypeDiscard;
    case DiskOperation::kWriteZeroes: return kTypeWriteZeroes;
  }
  return kTypeFlush;
}

bool has_data(DiskOperation operation) { return operation == DiskOperation::kRead || operation == DiskOperation::kWrite; }
bool has_range(DiskOperation operation) { return operation == DiskOperation::kDiscard || operation == DiskOperation::kWriteZeroes; }

i32 error_of(u8 status) {
  if (status == kStatusOk) return 0;
  return static_cast<i32>(status == kStatusUnsupported ? Error::kNotSupported : Error::kIo);
}

}  // namespace

// Cuts a job into parts that the device takes.
class Disk::Splitter {
 public:
  Splitter(const Disk& disk, const Job& job) : disk_(disk), job_(job), sector_(job.sector), left_(job.bytes / block::kSectorBytes) {}

  // False after the last.
  bool next(Part& part) {
    if (has_data(job_.operation)) return next_data(part);
    if (has_range(job_.operation)) return next_range(part);
    part = {};
    return !std::exchange(flushed_, true);
  }

 private:
  bool next_range(Part& part) {
    const u32 most = job_.operation == DiskOperation::kDiscard ? disk_.discard_sectors_max_ : disk_.zeroes_sectors_max_;
    part = {.sector = sector_, .sectors = std::min<u64>(left_, most), .segments = {}};
    advance(part.sectors);
    return part.sectors != 0;
  }
  bool next_data(Part& part) {
    part = {.sector = sector_, .sectors = 0, .segments = {}};
    const bool device_writes = job_.operation == DiskOperation::kRead;
    const u32 most = disk_.data_segments_max();
    while (run_ < job_.runs.size() && part.segments.size() < most && part.sectors < left_) {
      const virtio::Run& run = job_.runs[run_];
      const u64 wanted = std::min((left_ - part.sectors) * block::kSectorBytes, run.bytes - in_run_);
      const u32 bytes = static_cast<u32>(std::min<u64>(wanted, disk_.segment_bytes_max_));
      part.segments.push_back({run.address + in_run_, bytes, device_writes});
      part.sectors += bytes / block::kSectorBytes;
      in_run_ += bytes;
      if (in_run_ == run.bytes) ++run_, in_run_ = 0;
    }
    advance(part.sectors);
    return part.sectors != 0;
  }
  void advance(u64 sectors) {
    sector_ += sectors;
    left_ -= sectors;
  }

  const Disk& disk_;
  const Job& job_;
  u64 sector_, left_;
  usize run_ = 0;
  u64 in_run_ = 0;
  bool flushed_ = false;
};

u32 Disk::data_segments_max() const {
  const u32 queue = (features_ & virtio::kFeatureIndirect) != 0 ? virtio::SplitQueue::kIndirectEntries : queue_size_min_;
  return std::min(segments_max_, queue - 2);  // header and status
}

i32 Disk::check(const Job& job) const {
  constexpr i32 kInvalid = static_cast<i32>(Error::kInvalidArgument);
  const auto supported = [&](u32 flag) { return (geometry_.flags & flag) != 0 ? 0 : static_cast<i32>(Error::kNotSupported); };
  if (job.operation == DiskOperation::kFlush) return job.bytes == 0 ? 0 : kInvalid;
  if (job.bytes == 0 || job.bytes % block::kSectorBytes != 0) return kInvalid;
  const u64 sectors = job.bytes / block::kSectorBytes;
  if (job.sector > geometry_.sectors || sectors > geometry_.sectors - job.sector) return kInvalid;
  if (has_data(job.operation) && job.bytes > kBytesMax) return static_cast<i32>(Error::kTooBig);
  if (job.operation == DiskOperation::kRead) return 0;
  if ((geometry_.flags & block::kDiskReadOnly) != 0) return static_cast<i32>(Error::kAccess);
  if (job.operation == DiskOperation::kDiscard) return supported(block::kDiskDiscard);
  if (job.operation == DiskOperation::kWriteZeroes) return supported(block::kDiskWriteZeroes);
  return 0;
}

Result<void> Disk::fill(Rings& rings, u16 request, const Job& job, const Part& part) {
  const u64 offset = request * kHeaderBytes;
  const u64 address = TRY(rings.headers->address(offset));
  std::byte* const memory = rings.headers->data() + offset;
  const RequestHeader header{request_type(job.operation), 0, has_data(job.operation) ? part.sector : 0};
  std::memcpy(memory, &header, sizeof(header));
  memory[kStatusAt] = std::byte{kStatusUntouched};
  std::vector<virtio::Segment> segments;
  segments.reserve(part.segments.size() + 3);
  segments.push_back({address, sizeof(RequestHeader), false});
  if (has_range(job.operation)) {
    const Range range{part.sector, static_cast<u32>(part.sectors), 0};
    std::memcpy(memory + kRangeAt, &range, sizeof(range));
    segments.push_back({address + kRangeAt, sizeof(Range), false});
  }
  segments.insert(segments.end(), part.segments.begin(), part.segments.end());
  segments.push_back({address + kStatusAt, 1, true});
  return rings.queue->submit(request, segments);
}

Result<void> Disk::submit(Lane& lane, Job& job, const Part& part) {
  SpinGuard guard(lane.lock);
  if (lane.dead || job.error != 0) return fail(Error::kIo);
  if (!lane.rings.queue || lane.broken) return fail(Error::kWouldBlock);
  const auto request = lane.rings.queue->reserve();
  if (!request) return fail(Error::kWouldBlock);
  if (auto filled = fill(lane.rings, *request, job, part); !filled) {
    lane.rings.queue->cancel(*request);
    return filled;
  }
  lane.jobs[*request] = &job;
  ++job.parts;
  return {};
}

Task<Result<void>> Disk::submit_waiting(Lane& lane, Job& job, const Part& part) {
  if (auto done = submit(lane, job, part); done || done.error() != Error::kWouldBlock) co_return done;
  async::WaitEntry entry(lane.room);
  for (;;) {
    kick(lane.index);
    if (auto done = submit(lane, job, part); done || done.error() != Error::kWouldBlock) co_return done;
    CO_TRY(co_await entry.wait());
  }
}

Task<void> Disk::start(u32 index, Job& job) {
  Lane& lane = *lanes_[index];
  job.parts = 1;
  job.error = 0;
  i32 error = 0;
  const bool nothing = job.operation == DiskOperation::kFlush && (geometry_.flags & block::kDiskFlush) == 0;
  Splitter splitter(*this, job);
  for (Part part; !nothing && error == 0 && splitter.next(part);)
    if (auto submitted = co_await submit_waiting(lane, job, part); !submitted) error = static_cast<i32>(submitted.error());
  Job* done = nullptr;
  {
    SpinGuard guard(lane.lock);
    finish_part(job, error, done);
  }
  call_done(done);
}

void Disk::kick(u32 index) {
  Lane& lane = *lanes_[index];
  SpinGuard guard(lane.lock);  // while it is held the transport is not reset
  if (lane.rings.queue && lane.rings.queue->publish()) transport_.notify(lane.index);
}

void Disk::finish_part(Job& job, i32 error, Job*& done) {
  if (job.error == 0) job.error = error;
  if (--job.parts != 0) return;
  job.next_done = done;
  done = &job;
}

void Disk::call_done(Job* list) {
  while (list != nullptr) {
    Job& job = *std::exchange(list, list->next_done);
    job.done(job, job.error);  // it may be gone after this
  }
}

bool Disk::drain_locked(Lane& lane, Job*& done, bool& freed) {
  if (!lane.rings.queue || lane.broken) return true;
  do {
    for (;;) {
      const auto used = lane.rings.queue->take_used();
      if (!used) {
        lane.broken = true;
        return false;
      }
      if (!*used) break;
      const u16 request = (*used)->request;
      const u8 status = std::to_integer<u8>(lane.rings.headers->data()[request * kHeaderBytes + kStatusAt]);
      finish_part(*std::exchange(lane.jobs[request], nullptr), error_of(status), done);
      freed = true;
    }
  } while (!lane.rings.queue->arm());
  return true;
}

bool Disk::drain(Lane& lane) {
  Job* done = nullptr;
  bool freed = false, sane = false;
  {
    SpinGuard guard(lane.lock);
    sane = drain_locked(lane, done, freed);
  }
  call_done(done);
  if (freed) lane.room.wake_all();
  return sane;
}

}  // namespace hati::virtio_block
