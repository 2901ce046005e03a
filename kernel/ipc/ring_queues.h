// SPDX-License-Identifier: MIT
// The two queues of a ring as the kernel sees them: a pointer to the shared memory and indices of its own. User space may change any
// byte of the memory at any time, so an index is read once and judged, a submission is copied once, and nothing is read back.
// No locks: the owner serialises each side.
#pragma once

#include <atomic>
#include <cstring>

#include "abi/ring.h"
#include "base/result.h"

namespace hati {

class RingQueues {
 public:
  // Bytes of shared memory for queues of these sizes. kInvalidArgument: not powers of two up to kRingEntriesMax.
  static Result<u64> bytes_for(u32 submit_entries, u32 complete_entries) {
    if (!valid(submit_entries) || !valid(complete_entries)) return fail(Error::kInvalidArgument);
    return complete_offset(submit_entries) + u64{complete_entries} * sizeof(Completion);
  }

  // `memory` is zeroed and of the size that bytes_for() gave.
  RingQueues(u8* memory, u32 submit_entries, u32 complete_entries)
      : header_(new(memory) RingHeader{}),
        submissions_(reinterpret_cast<const Submission*>(memory + kSubmitOffset)),
        completions_(reinterpret_cast<Completion*>(memory + complete_offset(submit_entries))),
        submit_entries_(submit_entries),
        complete_entries_(complete_entries) {
    header_->submit_entries = submit_entries;
    header_->complete_entries = complete_entries;
    header_->submit_offset = kSubmitOffset;
    header_->complete_offset = static_cast<u32>(complete_offset(submit_entries));
  }

  // How many submissions wait. kInvalidArgument: the user's index is impossible.
  Result<u32> submitted() const {
    const u32 count = header_->submit_tail.load(std::memory_order_acquire) - submit_head_;
    if (count > submit_entries_) return fail(Error::kInvalidArgument);
    return count;
  }
  // The first words of the next submission: operation, flags and handle in one, user data in the other. take() or skip() follows.
  struct Head {
    u64 first, user_data;
  };
  Head peek() const {
    const volatile u64* from = reinterpret_cast<const volatile u64*>(&submissions_[submit_head_ & (submit_entries_ - 1)]);
    return {from[0], from[1]};
  }
  // The words of the submission whose head was read, from the third on; each is to be read once, before skip().
  const volatile u64* arguments() const {
    return reinterpret_cast<const volatile u64*>(&submissions_[submit_head_ & (submit_entries_ - 1)]) + 2;
  }
  void skip() { header_->submit_head.store(++submit_head_, std::memory_order_release); }
  // The rest of the submission whose head was read.
  [[gnu::always_inline]] inline Submission take(const Head& head) {
    const volatile u64* from = reinterpret_cast<const volatile u64*>(&submissions_[submit_head_ & (submit_entries_ - 1)]);
    // Volatile: each word is read exactly once.
    const Submission copy{.operation = static_cast<Operation>(head.first & 0xffff),
                          .flags = static_cast<u16>(head.first >> 16),
                          .handle = static_cast<Handle>(head.first >> 32),
                          .user_data = head.user_data,
                          .args = {from[2], from[3], from[4], from[5], from[6], from[7]}};
    skip();
    return copy;
  }

  // Completions that user space has not taken yet, as far as it says so.
  u32 available() const {
    const u32 used = complete_tail_ - header_->complete_head.load(std::memory_order_acquire);
    return used > complete_entries_ ? complete_entries_ : used;
  }
  bool full() const { return available() == complete_entries_; }
  // Not when full().
  void put(const Completion& completion) {
    completions_[complete_tail_ & (complete_entries_ - 1)] = completion;
    header_->complete_tail.store(++complete_tail_, std::memory_order_release);
  }

  u32 complete_entries() const { return complete_entries_; }

 private:
  static constexpr u32 kSubmitOffset = 320;
  static constexpr bool valid(u32 entries) { return entries != 0 && entries <= kRingEntriesMax && (entries & (entries - 1)) == 0; }
  static constexpr u64 complete_offset(u32 submit_entries) { return kSubmitOffset + u64{submit_entries} * sizeof(Submission); }

  RingHeader* header_;
  const Submission* submissions_;
  Completion* completions_;
  u32 submit_entries_, complete_entries_;
  u32 submit_head_ = 0, complete_tail_ = 0;
};

}  // namespace hati
