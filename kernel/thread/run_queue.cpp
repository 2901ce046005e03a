// SPDX-License-Identifier: MIT
#include "kernel/thread/run_queue.h"

#include <algorithm>
#include <bit>

#include "kernel/debug/panic.h"

namespace hati {

namespace {

constexpr i32 kNiceMin = -20, kNiceMax = 19;
constexpr std::array<u32, 40> kNiceWeights = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
    1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,   110,  87,   70,   56,   45,   36,   29,   23,   18,   15,
};

}  // namespace

u32 nice_weight(i32 nice) { return kNiceWeights[static_cast<u32>(std::clamp(nice, kNiceMin, kNiceMax) - kNiceMin)]; }

void RunQueue::advance(const RunNode* running) {
  u64 reached = ~u64{0};
  if (running != nullptr) reached = running->virtual_ns;
  if (!fair_.empty()) reached = std::min(reached, fair_.begin()->virtual_ns);
  if (reached != ~u64{0}) least_virtual_ns_ = std::max(least_virtual_ns_, reached);
}

void RunQueue::push(RunNode& node, bool at_front) {
  HATI_ASSERT(!node.queued);
  node.queued = true;
  node.level = node.priority;
  if (node.level == kPriorityFair) {
    fair_.insert(node);
    node.queued_weight = node.weight;
    fair_weight_ += node.weight;
    ++fair_count_;
    return;
  }
  auto& level = fifo_[node.level];
  if (at_front) {
    level.push_front(node);
  } else {
    level.push_back(node);
  }
  occupied_[node.level / 64] |= u64{1} << (node.level % 64);
  ++fifo_count_;
}

void RunQueue::remove(RunNode& node) {
  HATI_ASSERT(node.queued);
  node.queued = false;
  if (node.level == kPriorityFair) {
    advance(nullptr);
    fair_.erase(fair_.iterator_to(node));
    fair_weight_ -= node.queued_weight;
    --fair_count_;
    return;
  }
  auto& level = fifo_[node.level];
  level.erase(level.iterator_to(node));
  if (level.empty()) occupied_[node.level / 64] &= ~(u64{1} << (node.level % 64));
  --fifo_count_;
}

RunNode* RunQueue::first() {
  for (u32 word = kLevels / 64; word-- > 0;)
    if (occupied_[word] != 0) return &fifo_[word * 64 + 63 - static_cast<u32>(std::countl_zero(occupied_[word]))].front();
  return fair_.empty() ? nullptr : &*fair_.begin();
}

void RunQueue::place(RunNode& node, bool woken) const {
  const u64 credit = woken ? kWakeCreditNs : 0;
  const u64 earliest = least_virtual_ns_ > credit ? least_virtual_ns_ - credit : 0;
  // A thread from a CPU whose clock is far ahead must not wait until this one has caught up.
  // Two slices of its own weight are what it can owe.
  const u64 latest = least_virtual_ns_ + 2 * kSliceNs * kNiceZeroWeight / node.weight;
  node.virtual_ns = std::clamp(node.virtual_ns, earliest, latest);
}

bool RunQueue::preempts(const RunNode& node, const RunNode& running) {
  if (node.priority != running.priority) return node.priority > running.priority;
  return node.priority == kPriorityFair && node.virtual_ns + kWakeGainNs < running.virtual_ns;
}

}  // namespace hati
