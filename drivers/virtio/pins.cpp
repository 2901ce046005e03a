// SPDX-License-Identifier: MIT
#include "drivers/virtio/pins.h"

namespace hati::virtio {
namespace {

class PinnedMemory : public DmaMemory {
 public:
  PinnedMemory(Pins& pins, Memory memory, Mapping mapping) : pins_(pins), memory_(std::move(memory)), mapping_(std::move(mapping)) {
    data_ = mapping_.as<>();
    bytes_ = mapping_.bytes();
    pages_.resize(bytes_ / kPageSize);
  }
  ~PinnedMemory() override {
    for (usize i = 0; i < pages_.size(); ++i)
      if (pages_[i] != 0) pins_.unpin(memory_.get(), i * kPageSize, kPageSize);
  }
  Result<u64> address(u64 offset) override {
    if (offset >= bytes_) return fail(Error::kInvalidArgument);
    u64& page = pages_[offset / kPageSize];
    if (page == 0) {
      std::vector<Run> runs;
      TRY(pins_.pin(memory_.get(), page_floor(offset), kPageSize, true, runs));
      page = runs.front().address;
    }
    return page + offset % kPageSize;
  }

 private:
  Pins& pins_;
  const Memory memory_;
  const Mapping mapping_;
  std::vector<u64> pages_;  // addresses, 0: not pinned yet
};

}  // namespace

Result<std::unique_ptr<DmaMemory>> PinnedAllocator::allocate(u64 bytes) {
  Memory memory = TRY(Memory::create(bytes));
  Mapping mapping = TRY(memory.map(0, bytes, Protection::kRead | Protection::kWrite));
  return std::make_unique<PinnedMemory>(pins_, std::move(memory), std::move(mapping));
}

}  // namespace hati::virtio
