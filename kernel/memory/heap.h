// SPDX-License-Identifier: MIT
// Kernel memory of variable size, up to 2 MiB: message bytes, handle lists, argument copies. Small sizes come from slabs by
// power of two, sizes above 2 KiB from frames. The one owner is KernelBuffer.
#pragma once

#include <span>
#include <utility>

#include "base/result.h"
#include "base/types.h"

namespace hati {

class [[nodiscard]] KernelBuffer {
 public:
  KernelBuffer() = default;
  // Not initialised; aligned to 16 bytes. Zero bytes give an empty buffer. kNoMemory, kTooBig above 2 MiB.
  static Result<KernelBuffer> allocate(usize bytes);

  KernelBuffer(KernelBuffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  KernelBuffer& operator=(KernelBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~KernelBuffer() { reset(); }

  void reset();
  u8* data() { return data_; }
  const u8* data() const { return data_; }
  usize size() const { return bytes_; }
  std::span<u8> bytes() { return {data_, bytes_}; }
  std::span<const u8> bytes() const { return {data_, bytes_}; }
  // The buffer as an array of trivial T; size() need not be a multiple.
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data_), bytes_ / sizeof(T)};
  }

 private:
  u8* data_ = nullptr;
  usize bytes_ = 0;
};

}  // namespace hati
