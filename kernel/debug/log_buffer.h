// SPDX-License-Identifier: MIT
// The ring of log text: positions count all bytes ever written, the newest `capacity` of them are kept. No lock of its own.
#pragma once

#include <span>
#include <string_view>

#include "base/types.h"

namespace hati {

class LogBuffer {
 public:
  constexpr explicit LogBuffer(std::span<char> storage) : storage_(storage) {}

  void append(std::string_view text);
  // Copies text from `position` on (moved to a line start at or behind the oldest kept byte if that is gone); see log_read().
  usize read(u64& position, std::span<char> out) const;
  // Continues in larger storage with the text kept so far.
  void move_to(std::span<char> storage);
  u64 end() const { return end_; }
  // The position at which the last `lines` lines start.
  u64 tail(usize lines) const;

 private:
  u64 oldest() const { return end_ > storage_.size() ? end_ - storage_.size() : 0; }
  char at(u64 position) const { return storage_[position % storage_.size()]; }

  std::span<char> storage_;
  u64 end_ = 0;
};

}  // namespace hati
