// SPDX-License-Identifier: MIT
// A disk. A client connects to the service `block`, opens the disk, attaches the Memory objects that data goes to or comes from, and makes queues:
// a queue is memory shared with the driver, with a ring of requests and a ring of completions, and two Events as doorbells. Requests of a queue and of
// different queues are carried out in any order; none waits for another. What was written is on the medium after a later flush.
// When the driver dies, the channel closes and everything made through it is gone: the client connects again, opens, attaches, makes its queues, and
// repeats what was not completed. Requests that the dead driver had given to the device are over by then: the device was reset before.
#pragma once

#include <atomic>

#include "runtime/rpc.h"

namespace hati::block {

inline constexpr u32 kSectorBytes = 512;  // the unit of all positions, whatever the medium's block is

enum DiskFlags : u32 {
  kDiskReadOnly = 1 << 0,
  kDiskFlush = 1 << 1,  // has a cache that kFlush writes out; without it, completed writes are on the medium
  kDiskDiscard = 1 << 2,
  kDiskWriteZeroes = 1 << 3,
};

struct OpenReply {
  char name[32];  // zero-terminated
  u64 sectors;
  u32 block_bytes;  // of the medium: smaller writes are slower; at least kSectorBytes
  u32 flags;  // DiskFlags
  u32 queues;  // that the device has: more queues of a client share them
  u32 bytes_max;  // of one read or write: longer ones are refused with kTooBig
};
// The disk called `name`, or the driver's only one if it is empty. First request on a connection. kNotFound.
struct OpenRequest {
  static constexpr u32 kId = 1;
  using Reply = OpenReply;
  char name[32];
};

// Handle 0: Memory with kRead and kWrite as far as requests need them, and kTransfer, kDuplicate not needed. It may be resized meanwhile: requests beyond
// its end fail with kInvalidArgument. Numbers are of the connection. kNoSpace: too many.
struct AttachReply {
  u32 memory;
  u32 reserved;
};
struct AttachRequest {
  static constexpr u32 kId = 2;
  using Reply = AttachReply;
  u64 reserved = 0;
};
// Requests in flight are completed as if nothing had happened. kNotFound.
struct DetachRequest {
  static constexpr u32 kId = 3;
  using Reply = EmptyReply;
  u32 memory;
  u32 reserved = 0;
};

// Reply handles: Memory of the rings (QueueLayout), the Event that the client signals after it has submitted, the Event that the driver signals after it
// has completed. The rings belong to the driver. `cpu`: where completions should arrive. kNoSpace: too many.
struct CreateQueueReply {
  u32 entries;
  u32 cpu;  // where they do
};
struct CreateQueueRequest {
  static constexpr u32 kId = 4;
  using Reply = CreateQueueReply;
  u32 entries;  // a power of two, at most kQueueEntriesMax
  u32 cpu;
};
inline constexpr u32 kQueueEntriesMax = 256;

using BlockProtocol = Protocol<OpenRequest, AttachRequest, DetachRequest, CreateQueueRequest>;

enum class DiskOperation : u32 { kRead, kWrite, kFlush, kDiscard, kWriteZeroes };

struct QueueRequest {
  u64 word;  // comes back with the completion
  u64 sector;
  u64 offset;  // read, write: into the Memory; a multiple of kSectorBytes
  u64 bytes;  // a multiple of kSectorBytes; flush: 0
  u32 memory;  // read, write: AttachReply::memory
  DiskOperation operation;
  u64 reserved[3];
};
static_assert(sizeof(QueueRequest) == 64);

// kInvalidArgument: outside the disk or the Memory, or not aligned; kAccess: write to a read-only disk; kNotSupported; kNotFound: no such Memory;
// kTooBig; kIo: the device says so, or answered nonsense and was reset.
struct QueueCompletion {
  u64 word;
  i32 error;  // 0 or an Error
  u32 reserved;
};
static_assert(sizeof(QueueCompletion) == 16);

// At the start of the shared memory; then the requests, then the completions. Indices run freely; each is written by one side. A side that goes
// to sleep sets its `waits`, looks again, and then waits for its Event; the other one, having moved its index, signals if `waits` is set. The client keeps
// at most `entries` requests without a completion taken: the driver starts no more.
struct QueueHeader {
  alignas(64) std::atomic<u32> submit_tail;  // client
  std::atomic<u32> complete_head;  // client
  std::atomic<u32> client_waits;  // client
  alignas(64) std::atomic<u32> submit_head;  // driver
  std::atomic<u32> complete_tail;  // driver
  std::atomic<u32> driver_waits;  // driver
};
static_assert(sizeof(QueueHeader) == 128);

// Where things are in the shared memory of a queue.
struct QueueLayout {
  u32 entries;
  constexpr u64 requests() const { return sizeof(QueueHeader); }
  constexpr u64 completions() const { return requests() + u64{entries} * sizeof(QueueRequest); }
  constexpr u64 bytes() const { return completions() + u64{entries} * sizeof(QueueCompletion); }
};

}  // namespace hati::block
