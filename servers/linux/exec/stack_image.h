// SPDX-License-Identifier: MIT
// The initial stack of a program (System V psABI 3.4.1, Linux's create_elf_tables): strings, random bytes, auxiliary vector, environment, arguments, argc.
// Portable, tested on the host.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "servers/linux/core/errno.h"

namespace hati::linux {

// Zero-terminated strings, one after the other.
class StringList {
 public:
  void add(std::string_view text) {
    text_.append(text);
    text_.push_back(0);
    ++count_;
  }
  void add_front(std::string_view text) {
    text_.insert(0, std::string(text) + '\0');
    ++count_;
  }
  void remove_first() {
    if (count_ == 0) return;
    text_.erase(0, text_.find('\0') + 1);
    --count_;
  }
  usize count() const { return count_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  usize count_ = 0;
};

inline constexpr usize kArgumentMax = 131072;  // MAX_ARG_STRLEN
// Bytes that strings and their pointers may take, from RLIMIT_STACK.
constexpr u64 arguments_limit(u64 stack_limit) {
  constexpr u64 kThreeQuarters = 6 << 20, kLeast = 131072;
  const u64 quarter = stack_limit / 4;
  const u64 limit = quarter < kThreeQuarters ? quarter : kThreeQuarters;
  return limit > kLeast ? limit : kLeast;
}

enum AuxiliaryType : u64 {
  kAuxNull, kAuxIgnore, kAuxExecFd, kAuxPhdr, kAuxPhent, kAuxPhnum, kAuxPageSize, kAuxBase, kAuxFlags, kAuxEntry, kAuxUid = 11, kAuxEuid, kAuxGid, kAuxEgid,
  kAuxPlatform, kAuxHwcap, kAuxClockTick, kAuxSecure = 23, kAuxBasePlatform, kAuxRandom, kAuxHwcap2, kAuxExecFilename = 31, kAuxSysinfoEhdr = 33,
  kAuxMinSignalStack = 51,
};

struct StackInput {
  std::string file_name;
  const StringList* arguments;
  const StringList* environment;
  std::array<u8, 16> random;
  u64 skew;  // bytes of random offset below the strings, a multiple of 16
  std::vector<std::array<u64, 2>> auxiliary;  // without the entries that point into the stack: they are filled in where their value is 0 and their
                                              // type is AT_PLATFORM, AT_RANDOM or AT_EXECFN; AT_NULL is added
};

struct StackImage {
  u64 pointer;                 // the program's initial stack pointer: 16-byte aligned; argc lies there
  std::vector<u8> bytes;       // from `pointer` to the top
  u64 arguments_start, arguments_end, environment_start, environment_end;
  std::vector<u64> auxiliary;  // as the program sees it, with AT_NULL
};

// `top`: end of the stack's mapping, page aligned.
StackImage build_stack(const StackInput& input, u64 top);

}  // namespace hati::linux
