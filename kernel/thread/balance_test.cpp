// SPDX-License-Identifier: MIT
// CPU-bound threads on several run queues with balancing, in simulated time: everybody gets the share that their weight is worth.
#include "kernel/thread/balance.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace hati {
namespace {

struct Task : RunNode {
  u64 ran_ns = 0;
  RecentShare share;
};

struct Cpu {
  RunQueue queue;
  Task* running = nullptr;
  u64 last_balance_ns = 0;
  usize last_target = 0;
  u64 load() const { return queue.fair_weight() + (running != nullptr ? running->weight : 0); }
};

class Machine {
 public:
  Machine(usize cpus, const std::vector<i32>& nice_levels) {
    for (usize i = 0; i < cpus; ++i) cpus_.push_back(std::make_unique<Cpu>());
    for (const i32 nice : nice_levels) {
      tasks_.push_back(std::make_unique<Task>());
      tasks_.back()->weight = nice_weight(nice);
      cpus_[0]->queue.push(*tasks_.back(), false);  // the worst start: all in one place
    }
  }
  ~Machine() {
    for (auto& cpu : cpus_)
      while (RunNode* node = cpu->queue.first()) cpu->queue.remove(*node);
  }

  // All slices end together; CPUs look at each other one after another.
  void run(u64 ns) {
    for (const u64 end = now_ + ns; now_ < end; now_ += RunQueue::kSliceNs)
      for (auto& cpu : cpus_) end_slice(*cpu);
  }
  u64 ran(usize task) const { return tasks_[task]->ran_ns; }
  u64 moves() const { return moves_; }

 private:
  void end_slice(Cpu& cpu) {
    if (Task* task = cpu.running) {
      task->ran_ns += RunQueue::kSliceNs;
      RunQueue::charge(*task, RunQueue::kSliceNs);
      cpu.queue.advance(task);
      task->share.update(task->ran_ns, now_);
      if (!give_away(cpu, *task)) cpu.queue.push(*task, false);
    }
    RunNode* next = cpu.queue.first();
    if (next != nullptr) cpu.queue.remove(*next);
    cpu.running = static_cast<Task*>(next);
  }

  bool give_away(Cpu& from, Task& task) {
    if (from.queue.empty() || now_ - from.last_balance_ns < kBalanceNs) return false;
    Cpu* least = nullptr;
    usize target = 0;
    for (usize step = 1; step <= cpus_.size(); ++step) {
      const usize id = (from.last_target + step) % cpus_.size();
      Cpu* cpu = cpus_[id].get();
      if (cpu == &from || (least != nullptr && cpu->load() >= least->load())) continue;
      least = cpu;
      target = id;
    }
    if (least == nullptr) return false;
    const Balance what = balance(from.load(), least->load(), task.weight);
    if (what == Balance::kStay || (what == Balance::kRotate && !leads(from, task))) return false;
    from.last_balance_ns = now_;
    from.last_target = target;
    task.virtual_ns = least->queue.least_virtual_ns() + (task.virtual_ns - from.queue.least_virtual_ns());
    least->queue.place(task, true);
    least->queue.push(task, false);
    from.running = nullptr;
    ++moves_;
    return true;
  }

  bool leads(Cpu& cpu, const Task& task) {
    const u64 rate = task.share.rate(task.ran_ns, task.weight, now_);
    return cpu.queue.all_fair(16, [&](const RunNode& node) {
      const Task& other = static_cast<const Task&>(node);
      return other.share.rate(other.ran_ns, other.weight, now_) <= rate;
    });
  }

  u64 now_ = 1'000'000'000;
  u64 moves_ = 0;
  std::vector<std::unique_ptr<Cpu>> cpus_;
  std::vector<std::unique_ptr<Task>> tasks_;
};

constexpr u64 kSecond = 1'000'000'000;

void expect_near(u64 value, double expected, double tolerance) { EXPECT_NEAR(static_cast<double>(value), expected, expected * tolerance); }

TEST(Balance, EqualThreadsGetEqualSharesWhereTheNumbersAreOdd) {
  for (const auto [cpus, threads] : {std::pair<usize, usize>{2, 3}, {4, 5}, {4, 7}, {2, 5}, {3, 4}}) {
    Machine odd(cpus, std::vector<i32>(threads, 0));
    odd.run(4 * kSecond);
    const double fair = 4.0 * kSecond * static_cast<double>(cpus) / static_cast<double>(threads);
    for (usize i = 0; i < threads; ++i) expect_near(odd.ran(i), fair, 0.3);
  }
}

TEST(Balance, NobodyMovesWhereAllIsEqual) {
  Machine machine(4, {0, 0, 0, 0, 0, 0, 0, 0});
  machine.run(kSecond);
  const u64 moves = machine.moves();
  EXPECT_GE(moves, 6u);
  machine.run(kSecond);
  EXPECT_EQ(machine.moves(), moves);
}

TEST(Balance, NiceLevelsCountAcrossCpus) {
  // Two that matter and two that do not: each of the first has a CPU nearly to itself.
  Machine machine(2, {0, 0, 15, 15});
  machine.run(4 * kSecond);
  expect_near(machine.ran(0), 4.0 * kSecond, 0.1);
  expect_near(machine.ran(1), 4.0 * kSecond, 0.1);
  EXPECT_GT(machine.ran(2), kSecond / 50);
  EXPECT_GT(machine.ran(3), kSecond / 50);
}

}  // namespace
}  // namespace hati
