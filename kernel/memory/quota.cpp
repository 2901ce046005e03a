// SPDX-License-Identifier: MIT
#include "kernel/memory/quota.h"

#include "kernel/memory/object_cache.h"

namespace hati {

namespace {
constinit ObjectCache<Quota> quota_cache;

// Adds, unless the sum would exceed the limit.
bool add_within(std::atomic<u64>& counter, u64 amount, u64 limit) {
  if (amount == 0) return true;
  const u64 before = counter.fetch_add(amount, std::memory_order_relaxed);
  if (before <= limit && amount <= limit - before) return true;
  counter.fetch_sub(amount, std::memory_order_relaxed);
  return false;
}
}  // namespace

Result<Ref<Quota>> Quota::create(u64 byte_limit, u64 object_limit) { return quota_cache.make(byte_limit, object_limit); }

void Quota::destroy(Quota* quota) { quota_cache.destroy(quota); }

Result<> Quota::charge(u64 bytes, u64 objects) {
  if (!add_within(bytes_, bytes, byte_limit_.load(std::memory_order_relaxed))) return fail(Error::kNoMemory);
  if (add_within(objects_, objects, object_limit_.load(std::memory_order_relaxed))) return {};
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return fail(Error::kNoMemory);
}

void Quota::uncharge(u64 bytes, u64 objects) {
  if (bytes != 0) bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (objects != 0) objects_.fetch_sub(objects, std::memory_order_relaxed);
}

}  // namespace hati
