// SPDX-License-Identifier: MIT
// The device. It has lanes: a virtqueue with its interrupt each, whose work is done by one worker. A job is one request of a client; it becomes as many
// requests to the device as its length and the scatter of its pages need. A device that answers nonsense is reset, and what it had gets kIo.
#pragma once

#include <memory>
#include <vector>

#include "drivers/virtio-block/format.h"
#include "drivers/virtio/pins.h"
#include "drivers/virtio/queue.h"
#include "protocols/block.h"
#include "runtime/async/mutex.h"
#include "runtime/async/wait_list.h"
#include "runtime/scope.h"

namespace hati::virtio_block {

using block::DiskOperation;

struct Geometry {
  u64 sectors = 0;
  u32 block_bytes = block::kSectorBytes;
  u32 flags = 0;  // block::DiskFlags
};

// In its owner's memory from start() until done().
struct Job {
  DiskOperation operation;
  u64 sector, bytes;
  std::vector<virtio::Run> runs;  // data of kRead and kWrite
  void (*done)(Job& job, i32 error) = nullptr;  // 0 or an Error; on any worker; may start no jobs

  // The disk's own.
  u32 parts = 0;  // requests to the device that are not over, and one for start()
  i32 error = 0;
  Job* next_done = nullptr;
};

class Disk {
 public:
  static constexpr u64 kBytesMax = 1 << 20;  // of a job's data
  static constexpr u64 kHeaderBytes = 64;  // memory for one request's header and status

  Disk(virtio::Transport transport, virtio::Pins& pins) : transport_(std::move(transport)), allocator_(pins) {}
  // Makes at most `lanes_max` lanes. `interrupts` are the entries of the device's MSI-X table in order: with more than one, the first is for changes of its
  // configuration. kNotSupported, kIo, kNoMemory.
  Result<void> open(std::vector<Interrupt> interrupts, u32 lanes_max);
  // Serves the interrupts until cancelled; lane i on worker i modulo their number.
  Task<void> run();

  const Geometry& geometry() const { return geometry_; }
  u32 lanes() const { return static_cast<u32>(lanes_.size()); }

  // 0 if the job may be started, else why not.
  i32 check(const Job& job) const;
  // Hands a checked job to the device; waits for room. It is shown to the device by kick() at the latest. Cancelled: what was not handed over fails with
  // kCancelled. A flush of a disk without a cache is done at once.
  Task<void> start(u32 lane, Job& job);
  void kick(u32 lane);

 private:
  struct Rings {
    std::unique_ptr<virtio::SplitQueue> queue;
    std::unique_ptr<virtio::DmaMemory> headers;  // kHeaderBytes for each request
  };
  struct Lane {
    SpinLock lock;
    Rings rings HATI_GUARDED_BY(lock);  // empty while the device is being reset
    std::vector<Job*> jobs HATI_GUARDED_BY(lock);  // by request number; and the counts in these jobs
    bool broken HATI_GUARDED_BY(lock) = false;  // the device answered nonsense here
    bool dead HATI_GUARDED_BY(lock) = false;  // it could not be brought back
    async::WaitList room;
    Interrupt interrupt;
    u16 index = 0, vector = virtio::kNoVector;
  };
  // The piece of a job that becomes one request.
  struct Part {
    u64 sector = 0, sectors = 0;
    std::vector<virtio::Segment> segments;  // data
  };
  class Splitter;

  Result<void> bring_up();
  Result<void> set_up_lane(Lane& lane);
  void read_geometry();
  u32 data_segments_max() const;
  // kWouldBlock: no room.
  Result<void> submit(Lane& lane, Job& job, const Part& part);
  Result<void> fill(Rings& rings, u16 request, const Job& job, const Part& part);
  Task<Result<void>> submit_waiting(Lane& lane, Job& job, const Part& part);
  static void finish_part(Job& job, i32 error, Job*& done);
  static void call_done(Job* list);

  Task<void> serve_lane(Lane& lane);
  Task<void> serve_config();
  // Takes what the device is done with. False: it has answered nonsense.
  bool drain(Lane& lane);
  bool drain_locked(Lane& lane, Job*& done, bool& freed) HATI_REQUIRES(lane.lock);
  // Resets the device if a lane is broken, or in any case.
  Task<void> recover(bool in_any_case);
  std::vector<Rings> take_rings(Job*& done);

  virtio::Transport transport_;
  virtio::PinnedAllocator allocator_;
  Geometry geometry_;
  u64 features_ = 0;
  u32 segments_max_ = 1, segment_bytes_max_ = 0;
  u32 queue_size_min_ = virtio::SplitQueue::kSizeMax;
  u32 discard_sectors_max_ = 0, zeroes_sectors_max_ = 0;
  Interrupt config_interrupt_;
  u16 config_vector_ = virtio::kNoVector;
  std::vector<std::unique_ptr<Lane>> lanes_;
  async::Mutex control_;  // the transport, but for notify()
};

}  // namespace hati::virtio_block
