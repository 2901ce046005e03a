// SPDX-License-Identifier: MIT
#include "kernel/memory/quota.h"

#include "kernel/memory/object_cache.h"

namespace hati {

namespace {
constinit ObjectCache<Quota> quota_cache;
}

Result<Ref<Quota>> Quota::create(u64 byte_limit, u64 object_limit, Ref<Quota> parent) {
  if (parent && parent->depth_ + 1 >= kDepthMax) return fail(Error::kNoSpace);
  return quota_cache.make(byte_limit, object_limit, std::move(parent));
}

void Quota::destroy(Quota* quota) { quota_cache.destroy(quota); }

}  // namespace hati
