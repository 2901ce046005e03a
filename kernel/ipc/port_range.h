// SPDX-License-Identifier: MIT
// Small objects: PortRange, the right to a range of x86 I/O ports, and Resource, the right to make objects for hardware.
#pragma once

#include "base/result.h"
#include "kernel/object/object.h"

namespace hati {

class PortRange final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kPortRange;

  // kInvalidArgument: empty or beyond port 65535. kBusy is not a reason: ranges may overlap, who holds the Resource decides.
  static Result<Ref<PortRange>> create(u64 first, u64 count);

  // `width` 1, 2 or 4 bytes, inside the range. kInvalidArgument.
  Result<u64> read(u64 offset, u64 width) const;
  Result<> write(u64 offset, u64 width, u64 value) const;

  PortRange(u32 first, u32 count) : Object(kType), first_(first), count_(count) {}

 private:
  void release_storage() override;
  Result<> check(u64 offset, u64 width) const;

  const u32 first_, count_;
};

class Resource final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::kResource;
  static Result<Ref<Resource>> create();
  Resource() : Object(kType) {}

 private:
  void release_storage() override;
};

}  // namespace hati
