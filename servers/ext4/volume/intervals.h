// SPDX-License-Identifier: MIT
// A set of numbers kept as disjoint half-open intervals.
#pragma once

#include <algorithm>
#include <map>

#include "base/types.h"

namespace hati::ext4 {

class Intervals {
 public:
  struct Interval {
    u64 from;
    u64 to;
  };

  void add(u64 from, u64 to) {
    if (from >= to) return;
    auto at = map_.upper_bound(from);
    if (at != map_.begin() && std::prev(at)->second >= from) --at;
    while (at != map_.end() && at->first <= to) {
      from = std::min(from, at->first);
      to = std::max(to, at->second);
      at = map_.erase(at);
    }
    map_[from] = to;
  }
  void remove(u64 from, u64 to) {
    auto at = map_.upper_bound(from);
    if (at != map_.begin() && std::prev(at)->second > from) --at;
    while (at != map_.end() && at->first < to) {
      const u64 first = at->first, last = at->second;
      at = map_.erase(at);
      if (first < from) map_[first] = from;
      if (last > to) map_[to] = last;
    }
  }
  // The part of the set in [from, to) that comes first; empty (from == to) if there is none.
  Interval first_in(u64 from, u64 to) const {
    auto at = map_.upper_bound(from);
    if (at != map_.begin() && std::prev(at)->second > from) --at;
    if (at == map_.end() || at->first >= to) return {to, to};
    return {std::max(at->first, from), std::min(at->second, to)};
  }
  bool overlaps(u64 from, u64 to) const {
    const Interval found = first_in(from, to);
    return found.from < found.to;
  }
  bool empty() const { return map_.empty(); }
  void clear() { map_.clear(); }
  u64 count() const {
    u64 sum = 0;
    for (const auto& [from, to] : map_) sum += to - from;
    return sum;
  }
  template <class F>
  void for_each(F visit) const {
    for (const auto& [from, to] : map_) visit(from, to);
  }

 private:
  std::map<u64, u64> map_;
};

}  // namespace hati::ext4
