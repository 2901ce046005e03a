// SPDX-License-Identifier: MIT
// The base of everything that a handle can name. References keep the memory of an object, handles keep its meaning:
// on_last_handle() runs when the last handle is closed (a channel end then closes its peer's operations, a ring stops, ...).
// Destruction never recurses: destroy() queues the object for deferred work.
#pragma once

#include <atomic>

#include "abi/object.h"
#include "base/ref.h"
#include "kernel/memory/quota.h"

namespace hati {

class Object : public RefCounted<Object> {
 public:
  virtual ~Object() = default;

  ObjectType type() const { return type_; }
  u64 koid() const { return koid_; }

  void add_handle() { handles_.fetch_add(1, std::memory_order_relaxed); }
  void remove_handle() {
    if (handles_.fetch_sub(1, std::memory_order_acq_rel) == 1) on_last_handle();
  }
  // Whose quota the object counts against, until it is destroyed. Once, by whoever made it.
  void charge_to(Charge charge) { charge_ = std::move(charge); }
  u32 handle_count() const { return handles_.load(std::memory_order_relaxed); }

  // Called by the last unref(): hands the object to the deferred list of this CPU, which destroys it at kernel exit.
  static void destroy(Object* object);

 protected:
  explicit Object(ObjectType type) : koid_(next_koid_.fetch_add(1, std::memory_order_relaxed)), type_(type) {}

  virtual void on_last_handle() {}
  // Returns the memory to the cache it came from; the destructor has run inside.
  virtual void release_storage() = 0;

 private:
  friend class DeferredObjects;
  Object* next_dead_ = nullptr;
  Charge charge_;

  const u64 koid_;
  const ObjectType type_;
  std::atomic<u32> handles_{0};
  static inline std::atomic<u64> next_koid_{1};
};

}  // namespace hati
