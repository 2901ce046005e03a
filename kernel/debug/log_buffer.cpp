// SPDX-License-Identifier: MIT
#include "kernel/debug/log_buffer.h"

namespace hati {

void LogBuffer::append(std::string_view text) {
  for (char c : text) storage_[end_++ % storage_.size()] = c;
}

usize LogBuffer::read(u64& position, std::span<char> out) const {
  if (position > end_) position = end_;
  if (position < oldest()) {
    position = oldest();
    while (position < end_ && at(position++) != '\n') {  // do not begin in the middle of a line
    }
  }
  usize count = 0;
  while (count < out.size() && position < end_) out[count++] = at(position++);
  return count;
}

void LogBuffer::move_to(std::span<char> storage) {
  const std::span<char> old = storage_;
  for (u64 i = oldest(); i < end_; ++i) storage[i % storage.size()] = old[i % old.size()];
  storage_ = storage;
}

u64 LogBuffer::tail(usize lines) const {
  u64 position = end_;
  while (position > oldest()) {
    if (at(position - 1) == '\n' && position != end_ && --lines == 0) break;
    --position;
  }
  return position;
}

}  // namespace hati
