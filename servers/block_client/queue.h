// SPDX-License-Identifier: MIT
// One queue of a disk: requests that wait, and, while there is a driver, the rings shared with it. The requests outlive the rings: when a new
// driver's rings come, everything that was not completed is put into them again.
#pragma once

#include "runtime/scope.h"
#include "servers/block_client/disk.h"

namespace hati::block {

struct Disk::Queue {
  static constexpr u32 kEntries = 64;

  explicit Queue(u32 number) : index(number), slots(kEntries) {
    for (u32 i = kEntries; i-- > 0;) free.push_back(i);
  }
  // Sends a request and waits for its end: 0 or an Error. kCancelled only before it was sent.
  Task<i32> request(QueueRequest request, const Attachment* memory);

  // The rings of a driver that has just been connected. kBadData: they are not as they should be.
  Result<void> connect(std::span<OwnedHandle> handles, u32 entries);
  // Puts everything that waits into the rings, and lets new requests in.
  void resume();
  void disconnect();
  // Takes completions until cancelled. False: the driver breaks the rules.
  Task<bool> reap();
  // Nothing will ever be completed any more.
  void give_up();

  const u32 index;
  async::Semaphore room{kEntries};
  SpinLock lock;
  std::vector<Slot> slots;
  std::vector<u32> free HATI_GUARDED_BY(lock);
  bool connected HATI_GUARDED_BY(lock) = false, dead HATI_GUARDED_BY(lock) = false;
  u32 submit_tail HATI_GUARDED_BY(lock) = 0;
  // Changed only while not connected and nobody reaps.
  Mapping shared;
  KernelEvent submitted, completed;

 private:
  QueueHeader& header() const { return *shared.as<QueueHeader>(); }
  void put(u32 number) HATI_REQUIRES(lock);
  void ring_doorbell();
  // Ends the requests that are over. False: what is in the ring makes no sense.
  bool take_completed(u32& head);
};

}  // namespace hati::block
