// SPDX-License-Identifier: MIT
// What one process may use of the kernel: bytes of kernel memory (objects, page tables, buffers, pages of its Memory
// objects) and number of objects. Shared by reference, since objects can outlive the process that made them.
#pragma once

#include <atomic>
#include <utility>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"

namespace hati {

class Quota final : public RefCounted<Quota> {
 public:
  static Result<Ref<Quota>> create(u64 byte_limit, u64 object_limit);
  static void destroy(Quota* quota);

  // kNoMemory: the limit would be exceeded; nothing is charged then.
  Result<> charge(u64 bytes, u64 objects = 0);
  void uncharge(u64 bytes, u64 objects = 0);

  u64 bytes() const { return bytes_.load(std::memory_order_relaxed); }
  u64 objects() const { return objects_.load(std::memory_order_relaxed); }
  void set_limits(u64 byte_limit, u64 object_limit) {
    byte_limit_.store(byte_limit, std::memory_order_relaxed);
    object_limit_.store(object_limit, std::memory_order_relaxed);
  }

  Quota(u64 byte_limit, u64 object_limit) : byte_limit_(byte_limit), object_limit_(object_limit) {}

 private:
  std::atomic<u64> bytes_{0}, objects_{0};
  std::atomic<u64> byte_limit_, object_limit_;
};

// Something charged to a quota; given back on destruction. An empty Charge is free of charge (the kernel's own objects).
class [[nodiscard]] Charge {
 public:
  Charge() = default;
  // `quota` may be null: nothing is charged.
  static Result<Charge> make(Ref<Quota> quota, u64 bytes, u64 objects) {
    if (quota) TRY(quota->charge(bytes, objects));
    return Charge{std::move(quota), bytes, objects};
  }
  Charge(Charge&& other) noexcept
      : quota_(std::move(other.quota_)), bytes_(std::exchange(other.bytes_, 0)), objects_(std::exchange(other.objects_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(quota_, other.quota_);
    std::swap(bytes_, other.bytes_);
    std::swap(objects_, other.objects_);
    return *this;
  }
  // What was charged stays so: somebody else will uncharge it.
  void keep() { quota_.reset(); }
  ~Charge() {
    if (quota_) quota_->uncharge(bytes_, objects_);
  }

 private:
  Charge(Ref<Quota> quota, u64 bytes, u64 objects) : quota_(std::move(quota)), bytes_(bytes), objects_(objects) {}
  Ref<Quota> quota_;
  u64 bytes_ = 0, objects_ = 0;
};

}  // namespace hati
