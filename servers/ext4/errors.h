// SPDX-License-Identifier: MIT
// What operations of the file system fail with: Linux's numbers, because its users are Linux programs. The device speaks in Error.
#pragma once

#include "base/result.h"
#include "runtime/task.h"

namespace hati::ext4 {

enum class Errno : i32 {
  kPermission = 1,       // EPERM
  kNoEntry = 2,          // ENOENT
  kInterrupted = 4,      // EINTR
  kIo = 5,               // EIO
  kNoDevice = 6,         // ENXIO
  kNoMemory = 12,        // ENOMEM
  kBusy = 16,            // EBUSY
  kExists = 17,          // EEXIST
  kNotDirectory = 20,    // ENOTDIR
  kIsDirectory = 21,     // EISDIR
  kInvalid = 22,         // EINVAL
  kFileTooBig = 27,      // EFBIG
  kNoSpace = 28,         // ENOSPC
  kReadOnly = 30,        // EROFS
  kTooManyLinks = 31,    // EMLINK
  kRange = 34,           // ERANGE
  kNameTooLong = 36,     // ENAMETOOLONG
  kNotEmpty = 39,        // ENOTEMPTY
  kNoData = 61,          // ENODATA
  kNotSupported = 95,    // EOPNOTSUPP
  kStale = 116,          // ESTALE
  kCorrupted = 117,      // EUCLEAN
};

template <class T = void>
using Outcome = std::expected<T, Errno>;
template <class T = void>
using Async = Task<Outcome<T>>;

constexpr std::unexpected<Errno> failed(Errno error) { return std::unexpected<Errno>(error); }
constexpr Errno to_errno(Error error) {
  switch (error) {
    case Error::kCancelled: return Errno::kInterrupted;
    case Error::kNoMemory: return Errno::kNoMemory;
    case Error::kNoSpace: return Errno::kNoSpace;
    default: return Errno::kIo;
  }
}
inline Outcome<void> to_outcome(Result<void> result) {
  if (!result) return failed(to_errno(result.error()));
  return {};
}

}  // namespace hati::ext4
