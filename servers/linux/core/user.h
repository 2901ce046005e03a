// SPDX-License-Identifier: MIT
// The memory of a program as the server sees it: addresses are typed and cannot be dereferenced; every access is a copy
// through the kernel (Call::kCopy) and fails with EFAULT. Copies block the worker only where a page of the program's memory has to come
// from a disk. Copy once, check after the copy.
#pragma once

#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "abi/call.h"
#include "servers/linux/core/errno.h"

namespace hati::linux {

// Types that may be copied to programs: no padding that could leak the server's memory.
template <class T>
concept UserSafe = std::is_trivially_copyable_v<T> && (std::has_unique_object_representations_v<T> || std::is_floating_point_v<T>);

template <class T>
struct UserPtr {
  u64 address = 0;

  explicit operator bool() const { return address != 0; }
  UserPtr operator+(u64 count) const { return {address + count * sizeof(T)}; }
  template <class U>
  UserPtr<U> as() const {
    return {address};
  }
};

template <>
struct UserPtr<void> {
  u64 address = 0;
  explicit operator bool() const { return address != 0; }
  UserPtr operator+(u64 bytes) const { return {address + bytes}; }
  template <class U>
  UserPtr<U> as() const {
    return {address};
  }
};
using UserAddress = UserPtr<void>;

// Copies between this server and one address space of a program. A value type: it borrows the space's handle, so it must not outlive
// the Mm it came from.
class UserMemory {
 public:
  explicit UserMemory(Handle space) : space_(space) {}

  SysResult<> read(u64 address, void* to, usize bytes) const;
  SysResult<> write(u64 address, const void* from, usize bytes) const;
  SysResult<> zero(u64 address, usize bytes) const;
  // As far as possible: the number of bytes before the first bad address; kFAULT if that is none (and bytes > 0).
  SysResult<usize> read_some(u64 address, void* to, usize bytes) const;
  SysResult<usize> write_some(u64 address, const void* from, usize bytes) const;

  template <UserSafe T>
  SysResult<T> get(UserPtr<const T> from) const {
    T value;
    TRY(read(from.address, &value, sizeof value));
    return value;
  }
  template <UserSafe T>
  SysResult<T> get(UserPtr<T> from) const {
    return get(UserPtr<const T>{from.address});
  }
  template <UserSafe T>
  SysResult<> put(UserPtr<T> to, const T& value) const {
    return write(to.address, &value, sizeof value);
  }
  template <UserSafe T>
  SysResult<std::vector<T>> get_array(UserPtr<const T> from, usize count, usize count_max) const {
    if (count > count_max) return fail(Errno::kINVAL);
    std::vector<T> values(count);
    TRY(read(from.address, values.data(), count * sizeof(T)));
    return values;
  }

  // A zero-terminated string of at most `max` bytes with the terminator; kNAMETOOLONG beyond.
  SysResult<std::string> get_string(u64 address, usize max) const;
  // A path: at most PATH_MAX (4096) bytes with the terminator.
  SysResult<std::string> get_path(UserPtr<const char> path) const { return get_string(path.address, 4096); }

  // Atomic on an aligned word: the old value.
  SysResult<u32> compare_exchange(u64 address, u32 expected, u32 desired) const;

  Handle space() const { return space_; }

 private:
  Handle space_;
};

// Where the bytes of a read or write lie: one or several ranges of a program's memory (readv), or memory of the server itself
// (exec reading a header, sendfile). Consumed from the front.
class IoBuffer {
 public:
  struct Range {
    u64 address;
    u64 bytes;
  };

  // One range in a program.
  IoBuffer(UserMemory memory, u64 address, u64 bytes) : memory_(memory), single_{address, bytes}, ranges_(&single_, 1), left_(bytes) {}
  // Several; the ranges must outlive the buffer. The caller has checked that the sum does not overflow.
  IoBuffer(UserMemory memory, std::span<const Range> ranges);
  // The server's own memory.
  explicit IoBuffer(std::span<u8> local)
      : memory_(kOwnSpace), single_{reinterpret_cast<u64>(local.data()), local.size()}, ranges_(&single_, 1), left_(local.size()) {}
  IoBuffer(const IoBuffer&) = delete;
  IoBuffer& operator=(const IoBuffer&) = delete;

  u64 left() const { return left_; }
  // A place to go back to: what was moved since is moved again.
  struct Mark {
    std::span<const Range> ranges;
    u64 position, left;
  };
  Mark mark() const { return {ranges_, position_, left_}; }
  void rewind(const Mark& mark) {
    ranges_ = mark.ranges;
    position_ = mark.position;
    left_ = mark.left;
  }
  // At most `bytes` of what is left will be used (file size limits).
  void limit(u64 bytes) {
    if (bytes < left_) left_ = bytes;
  }

  // Moves bytes between the server and the front of the buffer and consumes them. Returns how many were moved: fewer than asked when the buffer is used up
  // or a bad address comes; kFAULT if none could be moved although some were asked for.
  SysResult<usize> copy_out(const void* from, usize bytes);  // to the program (read)
  SysResult<usize> copy_in(void* to, usize bytes);  // from the program (write)
  SysResult<usize> fill_zero(usize bytes);
  // Between the buffer and a Memory object, without passing through the server. kNEEDASYNC: the object's first page is not resident; a later one
  // that is not, cuts the copy short.
  SysResult<usize> copy_from_memory(Handle memory, u64 offset, usize bytes);
  SysResult<usize> copy_to_memory(Handle memory, u64 offset, usize bytes);

 private:
  template <class Move>
  SysResult<usize> each(usize bytes, Move&& move);

  UserMemory memory_;
  Range single_{};
  std::span<const Range> ranges_;
  u64 position_ = 0;  // in ranges_.front()
  u64 left_;
};

}  // namespace hati::linux
