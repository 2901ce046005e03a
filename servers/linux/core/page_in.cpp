// SPDX-License-Identifier: MIT
#include "servers/linux/core/page_in.h"

#include "abi/ring.h"
#include "runtime/handle.h"

namespace hati::linux {

namespace {

// A ring of one operation, beside the worker's own.
class WaitingRing {
 public:
  Result<void> run(const Submission& submission) {
    if (header_ == nullptr) TRY(open());
    *reinterpret_cast<Submission*>(address_ + header_->submit_offset) = submission;
    header_->submit_tail.store(++tail_, std::memory_order_release);
    // The deadline of a wait is "never": only the ring's end would cut it short.
    TRY(call::ring_enter(ring_.get(), 1, 1, kNever));
    const Completion completion = *reinterpret_cast<const Completion*>(address_ + header_->complete_offset);
    header_->complete_head.store(tail_, std::memory_order_release);
    if (completion.result < 0) return fail(static_cast<Error>(-completion.result));
    return {};
  }

 private:
  Result<void> open() {
    RingRequest request{.submit_entries = 1, .complete_entries = 1, .address = 0};
    ring_ = OwnedHandle(TRY(call::ring_create(request)));
    address_ = request.address;
    header_ = reinterpret_cast<RingHeader*>(address_);
    return {};
  }

  OwnedHandle ring_;
  u64 address_ = 0;
  RingHeader* header_ = nullptr;
  u32 tail_ = 0;
};

}  // namespace

Result<void> bring_pages(Handle target, u64 address, u64 bytes, bool write) {
  static thread_local WaitingRing ring;
  return ring.run(
      {.operation = Operation::kPageIn, .flags = 0, .handle = target, .user_data = 0, .args = {address, bytes, write ? u64{1} : u64{0}}});
}

}  // namespace hati::linux
