// SPDX-License-Identifier: MIT
// The order in which one CPU runs threads: 120 FIFO levels above a fair class ordered by virtual run time.
// A portable data structure without locks or clock of its own; CpuScheduler guards it.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "abi/call.h"
#include "base/types.h"

namespace hati {

inline constexpr u32 kNiceZeroWeight = 1024;
// Linux's table (sched(7): each level is a factor of about 1.25): nice -20..19.
u32 nice_weight(i32 nice);

// The part of a thread that a run queue knows.
struct RunNode : boost::intrusive::set_base_hook<boost::intrusive::optimize_size<true>>, boost::intrusive::list_base_hook<> {
  u32 priority = kPriorityFair;
  u32 weight = kNiceZeroWeight;
  u64 virtual_ns = 0;  // run time scaled by kNiceZeroWeight / weight
  u32 queued_weight = 0;  // weight at the time it was queued
  u32 level = 0;       // priority at the time it was queued
  bool queued = false;
};

class RunQueue {
 public:
  static constexpr u64 kSliceNs = 3'000'000;       // a fair thread runs so long before the next one's turn
  static constexpr u64 kWakeCreditNs = 3'000'000;  // a sleeper lags the others by at most this much when it wakes
  static constexpr u64 kWakeGainNs = 1'000'000;    // a waking thread preempts if it is behind by more than this

  void push(RunNode& node, bool at_front);  // at_front: preempted before its slice ended (FIFO levels)
  void remove(RunNode& node);
  RunNode* first();  // who should run next, or nullptr
  // Adjusts the virtual time of a thread that slept or comes from another CPU, so that it neither starves nor dominates.
  void place(RunNode& node, bool woken) const;
  // Charges run time to a fair node that is not in a queue.
  static void charge(RunNode& node, u64 ns) { node.virtual_ns += node.weight == kNiceZeroWeight ? ns : ns * kNiceZeroWeight / node.weight; }
  // Time goes on: `running` (or nullptr) is the fair node that has the CPU.
  void advance(const RunNode* running);
  // Whether `node` (not queued) should run before `running`.
  static bool preempts(const RunNode& node, const RunNode& running);

  u32 size() const { return fair_count_ + fifo_count_; }
  u32 fair_count() const { return fair_count_; }
  u64 fair_weight() const { return fair_weight_; }  // sum of the weights of the fair nodes
  bool empty() const { return size() == 0; }
  u64 least_virtual_ns() const { return least_virtual_ns_; }
  // Whether f(node) holds for the first `count` fair nodes.
  template <class F>
  bool all_fair(u32 count, F f) const {
    for (auto it = fair_.begin(); it != fair_.end() && count != 0; ++it, --count)
      if (!f(*it)) return false;
    return true;
  }
  // Calls f(node) from the least to the most urgent until it returns true; that node is returned.
  template <class F>
  RunNode* find_last(F f) {
    for (auto it = fair_.rbegin(); it != fair_.rend(); ++it)
      if (f(*it)) return &*it;
    for (auto& level : fifo_)
      for (auto it = level.rbegin(); it != level.rend(); ++it)
        if (f(*it)) return &*it;
    return nullptr;
  }

 private:
  struct Order {
    bool operator()(const RunNode& a, const RunNode& b) const { return a.virtual_ns < b.virtual_ns; }
  };
  static constexpr u32 kLevels = 128;

  boost::intrusive::multiset<RunNode, boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>> fair_;
  std::array<boost::intrusive::list<RunNode, boost::intrusive::constant_time_size<false>>, kLevels> fifo_;
  std::array<u64, kLevels / 64> occupied_{};
  u64 fair_weight_ = 0;
  u64 least_virtual_ns_ = 0;  // never decreases
  u32 fair_count_ = 0, fifo_count_ = 0;
};

}  // namespace hati
