// SPDX-License-Identifier: MIT
// Small pieces of process logic: signal queues, id allocation, the kernel's command line.
#include <gtest/gtest.h>

#include <set>

#include "servers/linux/core/boot.h"
#include "servers/linux/process/table.h"
#include "servers/linux/signal/actions.h"
#include "servers/linux/signal/pending.h"

namespace hati::linux {
namespace {

SignalInfo with_value(i32 signal, u64 value) {
  SignalInfo info{.signal = signal, .code = kSiQueue};
  info.set_value(value);
  return info;
}

TEST(PendingSignals, StandardSignalsMerge) {
  PendingSignals pending;
  EXPECT_TRUE(pending.add(with_value(kSigUsr1, 1)));
  EXPECT_FALSE(pending.add(with_value(kSigUsr1, 2)));
  EXPECT_EQ(pending.take(~SignalSet{0})->value(), 1u);
  EXPECT_EQ(pending.set(), 0u);
  EXPECT_FALSE(pending.take(~SignalSet{0}));
}

TEST(PendingSignals, RealTimeSignalsQueueInOrder) {
  PendingSignals pending;
  for (u64 i = 0; i < 3; ++i) EXPECT_TRUE(pending.add(with_value(kSigRtMin + 1, i)));
  EXPECT_TRUE(pending.add(with_value(kSigRtMin, 9)));
  EXPECT_EQ(pending.take(~SignalSet{0})->value(), 9u);  // the lowest number first
  for (u64 i = 0; i < 3; ++i) EXPECT_EQ(pending.take(~SignalSet{0})->value(), i);
  EXPECT_EQ(pending.set(), 0u);
}

TEST(PendingSignals, SynchronousOnesComeFirst) {
  PendingSignals pending;
  pending.add(with_value(kSigHup, 0));
  pending.add(with_value(kSigSegv, 0));
  EXPECT_EQ(pending.take(~SignalSet{0})->signal, kSigSegv);
  EXPECT_EQ(pending.take(signal_bit(kSigSegv)), std::nullopt);
  EXPECT_EQ(pending.take(~SignalSet{0})->signal, kSigHup);
}

TEST(PendingSignals, FullQueueKeepsTheBit) {
  PendingSignals pending;
  pending.add_bit(kSigUsr2);
  const auto info = pending.take(~SignalSet{0});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->signal, kSigUsr2);
  EXPECT_EQ(info->sender_pid(), 0);
}

TEST(PendingSignals, RemoveDropsQueueEntries) {
  PendingSignals pending;
  pending.add(with_value(kSigRtMin, 1));
  pending.add(with_value(kSigTerm, 1));
  pending.remove(signal_bit(kSigRtMin));
  EXPECT_EQ(pending.queued(), 1u);
  EXPECT_EQ(pending.take(~SignalSet{0})->signal, kSigTerm);
}

TEST(SignalActions, DefaultsAndReset) {
  auto actions = Ref<SignalActions>::adopt(new SignalActions);
  EXPECT_TRUE(actions->ignores(kSigChld));
  EXPECT_FALSE(actions->ignores(kSigTerm));
  actions->set(kSigTerm, {.handler = kSigIgnore});
  actions->set(kSigHup, {.handler = 0x1000, .flags = kSaRestart});
  const Ref<SignalActions> copy = actions->copy();
  actions->reset_handlers();
  EXPECT_EQ(actions->get(kSigHup).handler, kSigDefault);
  EXPECT_EQ(actions->get(kSigTerm).handler, kSigIgnore);
  EXPECT_EQ(copy->get(kSigHup).handler, 0x1000u);
  EXPECT_EQ(copy->caught(), signal_bit(kSigHup));
  EXPECT_EQ(copy->ignored(), signal_bit(kSigTerm));
}

TEST(PidAllocator, SequentialAndWraps) {
  PidAllocator allocator;
  std::set<Pid> used;
  const auto in_use = [&](Pid pid) { return used.contains(pid); };
  EXPECT_EQ(*allocator.allocate(in_use), 1);
  EXPECT_EQ(*allocator.allocate(in_use), 2);
  allocator.set_last(kPidMax - 2);
  EXPECT_EQ(*allocator.allocate(in_use), kPidMax - 1);
  used = {300, 301};
  EXPECT_EQ(*allocator.allocate(in_use), 302);  // low numbers stay with the first processes
}

TEST(PidAllocator, Exhausted) {
  PidAllocator allocator;
  const auto all = [](Pid) { return true; };
  EXPECT_EQ(allocator.allocate(all).error(), Errno::kAGAIN);
}

using Words = std::vector<std::string>;

TEST(CommandLine, KnownWordsAreConsumed) {
  const CommandLine line = parse_command_line("console=ttyS0 panic=-1 root=/dev/vda rw init=/bin/x quiet hati.linux=attached hati.strace");
  EXPECT_EQ(line.init, "/bin/x");
  EXPECT_EQ(line.root, "/dev/vda");
  EXPECT_FALSE(line.root_read_only);
  EXPECT_TRUE(line.trace_calls);
  EXPECT_EQ(line.arguments, Words{});
  EXPECT_EQ(line.environment, (Words{"HOME=/", "TERM=linux"}));
}

TEST(CommandLine, UnknownWordsGoToInit) {
  const CommandLine line = parse_command_line("single FOO=bar TERM=vt100 \"A=two words\" -- first -- x=y");
  EXPECT_EQ(line.arguments, (Words{"single", "first", "--", "x=y"}));
  EXPECT_EQ(line.environment, (Words{"HOME=/", "TERM=vt100", "FOO=bar", "A=two words"}));
}

}  // namespace
}  // namespace hati::linux
