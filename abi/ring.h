// SPDX-License-Identifier: MIT
// A ring: submission and completion queue in memory shared between the kernel and one process.
// The idea is io_uring's: user space produces submissions, the kernel produces completions; each index is a free
// running 32-bit counter, written by one side only. The kernel reads each submission once, then never again.
#pragma once

#include <atomic>

#include "abi/object.h"
#include "base/types.h"

namespace hati {

enum class Operation : u16 {
  kNop,
  kTimeout,         // args: [0] absolute deadline in ns (Clock::kMonotonic). Completes with kTimedOut then.
  kCancel,  // args: [0] user_data of the operation to cancel. Result 0, or kNotFound. The cancelled one completes with kCancelled.
  kChannelSend,  // args: [0] bytes*, [1] byte count, [2] Handle*, [3] handle count. Handles move. Completes once queued.
  kChannelReceive,  // args: [0] bytes*, [1] capacity, [2] Handle*, [3] capacity. result = byte count, value[0] = transaction or 0, value[1] = handle count.
  // kTooBig: value[0] = bytes, value[1] = handles needed; the message stays queued.
  kChannelCall,  // args: [0] bytes*, [1] count, [2] Handle*, [3] count, [4] reply buffer*, [5] reply capacity (low 32 bits) | reply handle capacity << 32;
  // reply handles are written over args[2]. result = reply byte count, value[1] = reply handle count.
  kEventWait,  // result = the count, which is set to 0. Completes when the count is above 0.
  kInterruptWait,  // result = number of interrupts since the last completion. Level-triggered lines stay masked until acknowledged.
  kFutexWait,  // args: [0] u32*, [1] expected value, [2] absolute deadline or kNever. kMismatch at once if the value differs.
  kFutexWake,  // args: [0] u32*, [1] at most this many. result = number woken.
  kCopy,  // args: [0] destination handle, [1] destination address, [2] source handle, [3] source address, [4] length. As Call::kCopy.
  kThreadResume,  // handle: a supervised thread. Runs it; completes when it traps: result = Trap, value[0] = detail (see abi/thread.h).
  kThreadWait,  // completes when the thread has ended. result = exit code.
  kSpaceWait,  // completes when the process has ended. result = exit code; value[0] = ThreadEnd, value[1] = koid of the thread that failed.
  kPageIn,  // handle: Memory, AddressSpace or kOwnSpace; args: [0] address, [1] bytes, [2] 1: to be written. Completes when pages that kCopy found
  // kNotResident have been brought (at most the first 256 KiB): copy again. The pager's error; kPeerClosed: the pager is gone;
  // kNoMemory. At once if nothing is missing there.
  kChannelReply,  // args: [0] bytes*, [1] byte count, [2] Handle*, [3] handle count, [4] transaction. As Call::kChannelReply; result 0.
  kPagerWait,  // handle: Pager. One request: result = PagerRequest, value[0] = key of the memory, value[1] = first page | pages << 48
  kCount,
};

struct Submission {
  Operation operation;
  u16 flags;  // SubmissionFlags
  Handle handle;
  u64 user_data;  // returned in the completion; must be unique among the operations in flight only for kCancel
  u64 args[6];
};
static_assert(sizeof(Submission) == 64);

enum SubmissionFlags : u16 {
  kSubmitQuiet = 1 << 0,  // no completion if the result is not an error
  kSubmitInline = 1 << 1,  // Messages of up to kInlineBytesMax bytes without handles travel in the entries themselves, without buffers.
  // kChannelSend, kChannelCall, kChannelReply: args: [0], [1] the bytes, [2] their count; [4] as ever. The reply to
  // such a call has to be as small (else kTooBig) and comes in value[0] and value[1].
  // kChannelReceive: args as ever, for larger messages; a small one comes in value[0] and value[1], and
  // result = inline_result(transaction, byte count).
  kSubmitReceive =
      1 << 2,  // kChannelReply with kSubmitInline alone: then receives at the same channel, as kChannelReceive with kSubmitInline and
  // without buffers, also if the caller has given up. The completion is the receive's, or an error of the reply.
};

inline constexpr u32 kInlineBytesMax = 16;
inline constexpr i64 kInlineResult = i64{1} << 62;
constexpr i64 inline_result(u64 transaction, u64 bytes) { return kInlineResult | static_cast<i64>(transaction << 5 | bytes); }
constexpr bool is_inline_result(i64 result) { return result >= kInlineResult; }
constexpr u64 inline_transaction(i64 result) { return static_cast<u64>(result - kInlineResult) >> 5; }
constexpr u32 inline_bytes(i64 result) { return static_cast<u32>(result) & 31; }

struct Completion {
  u64 user_data;
  i64 result;  // >= 0, or -Error
  u64 value[2];
};
static_assert(sizeof(Completion) == 32);

// The first page of the shared memory. The arrays follow at the given offsets from its start.
struct RingHeader {
  alignas(64) std::atomic<u32> submit_tail;  // written by user
  alignas(64) std::atomic<u32> submit_head;  // written by kernel
  alignas(64) std::atomic<u32> complete_tail;  // written by kernel
  alignas(64) std::atomic<u32> complete_head;  // written by user
  alignas(64) u32 submit_entries;  // powers of two, constant
  u32 complete_entries;
  u32 submit_offset;
  u32 complete_offset;
};
static_assert(sizeof(RingHeader) == 320);

inline constexpr u32 kRingEntriesMax = 4096;
inline constexpr u64 kNever = ~u64{0};  // a deadline that never comes

// Channel limits.
inline constexpr u32 kMessageBytesMax = 65536;
inline constexpr u32 kMessageHandlesMax = 16;
inline constexpr u32 kChannelQueueMax = 64;  // messages queued before senders wait

}  // namespace hati
