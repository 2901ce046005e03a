// SPDX-License-Identifier: MIT
// Reader of cpio archives in the "newc" format (cpio(5); Linux: Documentation/driver-api/early-userspace/buffer-format.rst), as
// used for initial ram disks: several archives may follow each other, padded with zeroes. Trusts nothing in the archive;
// names and contents point into it, so it must outlive what is read.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "base/types.h"

namespace hati {

struct CpioEntry {
  std::string_view name;  // as in the archive; may begin with '/' or "./"
  u32 inode, mode, uid, gid, link_count, mtime;
  u32 device_major, device_minor;          // of the file system it came from
  u32 special_major, special_minor;        // of a device node
  std::span<const u8> data;                // contents; the target of a symbolic link
};

class CpioReader {
 public:
  explicit CpioReader(std::span<const u8> archive) : rest_(archive), start_(archive.data()) {}

  // The next member. kNotFound: the end (rest() holds what follows, if anything). kBadData: malformed or cut off.
  Result<CpioEntry> next() {
    for (;;) {
      if (in_gap_) skip_zeroes();
      if (rest_.empty() || (in_gap_ && !starts_with_magic())) return fail(Error::kNotFound);
      in_gap_ = false;
      CpioEntry entry = TRY(read_member());
      if (entry.name != "TRAILER!!!") return entry;
      in_gap_ = true;
    }
  }

  // What has not been read yet.
  std::span<const u8> rest() const { return rest_; }

 private:
  static constexpr usize kHeaderBytes = 110, kFieldBytes = 8;

  bool starts_with_magic() const {
    return rest_.size() >= kHeaderBytes && rest_[0] == '0' && rest_[1] == '7' && rest_[2] == '0' && rest_[3] == '7' && rest_[4] == '0' &&
           (rest_[5] == '1' || rest_[5] == '2');
  }

  void skip_zeroes() {
    while (!rest_.empty() && rest_.front() == 0) rest_ = rest_.subspan(1);
  }

  // Field `index` (0: c_ino) of the header: 8 hexadecimal digits.
  Result<u32> field(u32 index) const {
    u32 value = 0;
    for (u8 c : rest_.subspan(6 + index * kFieldBytes, kFieldBytes)) {
      const u8 lower = c | 0x20;
      if (c >= '0' && c <= '9') {
        value = value << 4 | (c - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        value = value << 4 | (lower - 'a' + 10u);
      } else {
        return fail(Error::kBadData);
      }
    }
    return value;
  }

  // Takes `bytes` off the front and the padding to 4 bytes after them (which may be missing at the very end).
  Result<std::span<const u8>> take(usize bytes) {
    if (bytes > rest_.size()) return fail(Error::kBadData);
    const auto result = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    const usize offset = static_cast<usize>(rest_.data() - start_);
    const usize padding = (4 - offset % 4) % 4;
    rest_ = rest_.subspan(padding < rest_.size() ? padding : rest_.size());
    return result;
  }

  Result<CpioEntry> read_member() {
    if (!starts_with_magic()) return fail(Error::kBadData);
    u32 fields[12];
    for (u32 i = 0; i < 12; ++i) fields[i] = TRY(field(i));
    const u32 file_bytes = fields[6], name_bytes = fields[11];
    if (name_bytes == 0) return fail(Error::kBadData);
    const auto header = TRY(take_name(name_bytes));
    const auto data = TRY(take(file_bytes));
    return CpioEntry{.name = header,
                     .inode = fields[0], .mode = fields[1], .uid = fields[2], .gid = fields[3], .link_count = fields[4], .mtime = fields[5],
                     .device_major = fields[7], .device_minor = fields[8], .special_major = fields[9], .special_minor = fields[10],
                     .data = data};
  }

  Result<std::string_view> take_name(u32 name_bytes) {
    const auto bytes = TRY(take(kHeaderBytes + usize{name_bytes})).subspan(kHeaderBytes);
    const std::string_view name{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    const usize end = name.find('\0');
    if (end != name.size() - 1) return fail(Error::kBadData);  // exactly one terminator, at the end
    return name.substr(0, end);
  }

  std::span<const u8> rest_;
  const u8* start_;
  bool in_gap_ = true;  // before the first archive or between two
};

// The contents of the member called `name` (a leading "/" or "./" in the archive is ignored). kNotFound, kBadData.
inline Result<CpioEntry> cpio_find(std::span<const u8> archive, std::string_view name) {
  CpioReader reader{archive};
  for (;;) {
    const CpioEntry entry = TRY(reader.next());
    std::string_view member = entry.name;
    if (member.starts_with("./")) member.remove_prefix(2);
    if (member.starts_with("/")) member.remove_prefix(1);
    if (member == name) return entry;
  }
}

}  // namespace hati
