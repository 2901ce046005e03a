// SPDX-License-Identifier: MIT
// Memory that devices reach: who pinned which pages of which Memory object. One table per process; what is in it holds the pages and the
// object until it is taken out, at the latest when the process object goes.
#pragma once

#include <boost/intrusive/set.hpp>
#include <span>

#include "abi/call.h"
#include "base/ref.h"
#include "base/result.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/quota.h"
#include "kernel/object/object.h"
#include "kernel/sync/spinlock.h"

namespace hati {

// The right to learn physical addresses.
class Dma final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kDma;
  static Result<Ref<Dma>> create();
  Dma() : Object(kType) {}

 private:
  void release_storage() override;
};

struct Pin;

class PinTable {
 public:
  PinTable() = default;
  ~PinTable();
  PinTable(const PinTable&) = delete;
  PinTable& operator=(const PinTable&) = delete;

  // Of one request, if nothing in it is contiguous; 0 if it is no good.
  static u64 ranges_max(const PinRequest& request);
  // The number of ranges, which are written to `ranges`. kInvalidArgument (no bytes), kTooBig, else as Memory::pin_frames(). The record is
  // charged to `quota` (may be null). `pager`: for the holder of a paged object's kManage, who may pin busy pages.
  Result<u32> pin(const Ref<Memory>& memory, const Ref<Quota>& quota, const PinRequest& request, bool pager,
                  std::span<DmaRange> ranges) HATI_EXCLUDES(lock_);
  // Ends one pin with exactly this range. kNotFound.
  Result<> unpin(const Memory& memory, u64 offset, u64 bytes) HATI_EXCLUDES(lock_);
  // Ends at most `count` pins; true when none is left.
  bool release_some(u32 count) HATI_EXCLUDES(lock_);

 private:
  struct Before {
    bool operator()(const Pin& a, const Pin& b) const;
  };
  using Hook = boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>>;
  friend struct Pin;
  using Pins = boost::intrusive::multiset<Pin, boost::intrusive::base_hook<Hook>, boost::intrusive::compare<Before>,
                                          boost::intrusive::constant_time_size<false>>;

  Spinlock lock_;
  Pins pins_ HATI_GUARDED_BY(lock_);
};

struct Pin : PinTable::Hook {
  Ref<Memory> memory;
  u64 offset = 0, bytes = 0;
  bool write = false;
  Charge charge;
  KernelBuffer frames;  // u32 numbers

  ~Pin();
};

}  // namespace hati
