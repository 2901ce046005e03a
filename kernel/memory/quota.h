// SPDX-License-Identifier: MIT
// What one process and those that it made may use of the kernel: bytes of kernel memory (objects, tables, messages, pages of Memory
// objects) and number of objects. Quotas form a tree: what is charged to one is charged to all above it, so a process can hand out
// nothing that it does not have. Shared by reference, since objects can outlive the process that made them.
#pragma once

#include <atomic>
#include <utility>

#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"

namespace hati {

class Quota final : public RefCounted<Quota> {
 public:
  static constexpr u32 kDepthMax = 16;

  // kNoSpace: nested too deeply. kNoMemory.
  static Result<Ref<Quota>> create(u64 byte_limit, u64 object_limit, Ref<Quota> parent = nullptr);
  static void destroy(Quota* quota);

  // kNoMemory: a limit, here or above, would be exceeded; nothing is charged then.
  Result<> charge(u64 bytes, u64 objects = 0) {
    for (Quota* quota = this; quota != nullptr; quota = quota->parent_.get()) {
      if (quota->charge_here(bytes, objects)) [[likely]]
        continue;
      for (Quota* charged = this; charged != quota; charged = charged->parent_.get()) charged->uncharge_here(bytes, objects);
      return fail(Error::kNoMemory);
    }
    return {};
  }
  void uncharge(u64 bytes, u64 objects = 0) {
    for (Quota* quota = this; quota != nullptr; quota = quota->parent_.get()) quota->uncharge_here(bytes, objects);
  }

  u64 bytes() const { return bytes_.load(std::memory_order_relaxed); }
  u64 objects() const { return objects_.load(std::memory_order_relaxed); }
  u64 byte_limit() const { return byte_limit_.load(std::memory_order_relaxed); }
  u64 object_limit() const { return object_limit_.load(std::memory_order_relaxed); }
  // A limit below what is in use refuses more; nothing is taken away.
  void set_byte_limit(u64 limit) { byte_limit_.store(limit, std::memory_order_relaxed); }
  void set_object_limit(u64 limit) { object_limit_.store(limit, std::memory_order_relaxed); }

  Quota(u64 byte_limit, u64 object_limit, Ref<Quota> parent)
      : byte_limit_(byte_limit), object_limit_(object_limit), parent_(std::move(parent)), depth_(parent_ ? parent_->depth_ + 1 : 0) {}

 private:
  // Adds, unless the sum would exceed the limit.
  static bool add_within(std::atomic<u64>& counter, u64 amount, u64 limit) {
    if (amount == 0) return true;
    const u64 before = counter.fetch_add(amount, std::memory_order_relaxed);
    if (before <= limit && amount <= limit - before) [[likely]]
      return true;
    counter.fetch_sub(amount, std::memory_order_relaxed);
    return false;
  }
  bool charge_here(u64 bytes, u64 objects) {
    if (!add_within(bytes_, bytes, byte_limit())) return false;
    if (add_within(objects_, objects, object_limit())) [[likely]]
      return true;
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void uncharge_here(u64 bytes, u64 objects) {
    if (bytes != 0) bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    if (objects != 0) objects_.fetch_sub(objects, std::memory_order_relaxed);
  }

  std::atomic<u64> bytes_{0}, objects_{0};
  std::atomic<u64> byte_limit_, object_limit_;
  const Ref<Quota> parent_;
  const u32 depth_;
};

// Charges what `make` is about to take; if that fails, the charge is taken back. `quota` may be null. Fails as charge() and `make`.
template <class F>
auto with_charge(Quota* quota, u64 bytes, F&& make) -> decltype(make()) {
  if (quota != nullptr) TRY(quota->charge(bytes));
  auto made = make();
  if (!made && quota != nullptr) quota->uncharge(bytes);
  return made;
}

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
