// SPDX-License-Identifier: MIT
// Intrusive reference counting. `RefCounted<T>` starts with one reference, owned by whoever created
// the object and wraps it with `Ref<T>::adopt`. When the last reference goes, `T::destroy(T*)` is called
// if T has one (so that each type decides where its memory returns to), else `delete`.
#pragma once

#include <atomic>
#include <utility>

#include "base/types.h"

namespace hati {

template <class T>
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void ref() const { references_.fetch_add(1, std::memory_order_relaxed); }

  // Takes a reference unless the last one is already gone: for look-ups in tables that own no reference.
  [[nodiscard]] bool try_ref() const {
    u32 count = references_.load(std::memory_order_relaxed);
    while (count != 0)
      if (references_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    return false;
  }

  void unref() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    auto* self = const_cast<T*>(static_cast<const T*>(this));
    if constexpr (requires { T::destroy(self); }) {
      T::destroy(self);
    } else {
      delete self;
    }
  }

  u32 reference_count() const { return references_.load(std::memory_order_relaxed); }

 protected:
  RefCounted() = default;
  ~RefCounted() = default;

 private:
  mutable std::atomic<u32> references_{1};
};

template <class T>
class [[nodiscard]] Ref {
 public:
  constexpr Ref() = default;
  constexpr Ref(std::nullptr_t) {}
  explicit Ref(T& object) : object_(&object) { object_->ref(); }
  Ref(const Ref& other) : object_(other.object_) {
    if (object_ != nullptr) object_->ref();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Ref(Ref<U> other) : object_(other.release()) {}
  ~Ref() { reset(); }

  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  // Takes over the reference that the creator of `object` holds.
  static Ref adopt(T* object) {
    Ref result;
    result.object_ = object;
    return result;
  }

  void reset() {
    if (T* object = std::exchange(object_, nullptr)) object->unref();
  }
  // Gives up ownership: the caller must adopt() the pointer again.
  [[nodiscard]] T* release() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace hati
