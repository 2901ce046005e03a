// SPDX-License-Identifier: MIT
// Host tests of operations in flight, each raced by two or three host threads that play processors: whatever the order, an operation
// completes exactly once and nothing that it carried is lost. Meant for ThreadSanitizer and AddressSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "kernel/ipc/channel.h"
#include "kernel/ipc/event.h"
#include "kernel/ipc/operations.h"
#include "kernel/ipc/ring.h"
#include "kernel/thread/process.h"
#include "kernel/thread/scheduler.h"
#include "kernel/thread/testing/arch_fakes.h"

namespace hati {
namespace {

constexpr u32 kRounds = 400;
constexpr u64 kBuffers = kServerBase + 0x10000;

// A process with one thread, one ring and a page of buffers; completions are taken as its user side would.
struct Side {
  explicit Side(u32 entries = 64) {
    process = *Process::create(SpaceFlags::kNone, nullptr);
    process->add_handle();
    ThreadRequest thread_request{};
    thread = *Thread::create(*process, thread_request, nullptr);
    request = {entries, entries, 0};
    ring = *Ring::create(*process, request);
    header = *process->read<RingLayout>(request.address + offsetof(RingHeader, submit_entries));
    MapRequest map{};
    map.address = kBuffers;
    map.bytes = kPageSize;
    map.protection = Protection::kRead | Protection::kWrite;
    map.max_protection = 3;
    map.flags = MapFlags::kFixed;
    EXPECT_TRUE(process->map(map));
  }
  ~Side() { process->terminate(0, ThreadEnd::kKilled, 0); }

  void start(Operation operation, Handle handle, u64 user_data, std::initializer_list<u64> args = {}, u16 flags = 0) {
    Submission submission{operation, flags, handle, user_data, {}};
    std::copy(args.begin(), args.end(), submission.args);
    start_operation(*ring, *thread, submission);
  }
  std::map<u64, std::vector<Completion>> take() {
    std::map<u64, std::vector<Completion>> result;
    const u32 tail = *process->read<u32>(request.address + offsetof(RingHeader, complete_tail));
    for (; head != tail; ++head) {
      const auto c =
          *process->read<Completion>(request.address + header.complete_offset + (head % header.complete_entries) * sizeof(Completion));
      result[c.user_data].push_back(c);
    }
    EXPECT_TRUE(process->write(request.address + offsetof(RingHeader, complete_head), head));
    return result;
  }

  struct RingLayout {
    u32 submit_entries, complete_entries, submit_offset, complete_offset;
  };
  Ref<Process> process;
  Ref<Thread> thread;
  RingRequest request{};
  Ref<Ring> ring;
  RingLayout header{};
  u32 head = 0;
};

class Races : public ::testing::Test {
 protected:
  void SetUp() override { testing::start_processors(4); }
};

// Runs the functions at the same time, each as another processor.
template <class... F>
void at_once(F... functions) {
  std::atomic<usize> waiting{sizeof...(F)};
  u32 cpu = 0;
  std::vector<std::thread> threads;
  (threads.emplace_back([&waiting, id = cpu++, functions] {
    testing::be_cpu(id);
    for (--waiting; waiting != 0;) std::this_thread::yield();
    functions();
  }),
   ...);
  for (auto& thread : threads) thread.join();
}

TEST_F(Races, SignalAgainstCancel) {
  Side side;
  const auto event = *Event::create();
  const Handle handle = *side.process->handles().insert(HandleValue(event, Rights::kAll));
  u64 signalled = 0, received = 0;
  for (u32 round = 0; round < kRounds; ++round) {
    side.start(Operation::kEventWait, handle, 7);
    std::atomic<bool> cancelled{false};
    at_once([&] { EXPECT_TRUE(event->signal(3)); }, [&] { cancelled = side.ring->cancel(7); });
    signalled += 3;
    const auto completions = side.take();
    ASSERT_EQ(completions.size(), 1u);
    ASSERT_EQ(completions.at(7).size(), 1u);
    const i64 result = completions.at(7)[0].result;
    EXPECT_EQ(result == -static_cast<i64>(Error::kCancelled), cancelled.load());
    if (result > 0) received += static_cast<u64>(result);
  }
  side.start(Operation::kEventWait, handle, 8);
  const auto rest = side.take();
  if (rest.contains(8)) received += static_cast<u64>(rest.at(8)[0].result);
  EXPECT_EQ(received, signalled);
}

TEST_F(Races, TimeoutAgainstCancelAgainstClose) {
  for (u32 round = 0; round < kRounds; ++round) {
    Side side;
    testing::be_cpu(0);
    side.start(Operation::kTimeout, 0, 1, {testing::clock_ns + 5});
    side.start(Operation::kTimeout, 0, 2, {testing::clock_ns + 5});
    testing::clock_ns += 10;
    at_once([] { scheduler_at(0).timers.run(arch::now_ns(), 10); }, [&] { side.ring->cancel(1); },
            [&] {
              if (round % 2 == 0) side.ring->close();
            });
    const auto completions = side.take();
    for (const auto& [user_data, list] : completions) EXPECT_EQ(list.size(), 1u) << user_data;
    if (round % 2 != 0) EXPECT_EQ(completions.size(), 2u);
  }
}

TEST_F(Races, ReplyAgainstCancelAgainstPeerClosing) {
  for (u32 round = 0; round < kRounds; ++round) {
    Side client, server;
    auto pair = *Channel::create(nullptr);
    const Handle near = *client.process->handles().insert(HandleValue(pair.first, Rights::kAll));
    const Handle far = *server.process->handles().insert(HandleValue(pair.second, Rights::kAll));
    ASSERT_TRUE(client.process->write<u64>(kBuffers, 0x1234));
    server.start(Operation::kChannelReceive, far, 1, {kBuffers, 64, 0, 0});
    client.start(Operation::kChannelCall, near, 2, {kBuffers, 8, 0, 0, kBuffers + 64, 64});
    const auto received = server.take();
    ASSERT_EQ(received.at(1)[0].result, 8);
    EXPECT_EQ(*server.process->read<u64>(kBuffers), 0x1234u);
    const u64 transaction = received.at(1)[0].value[0];
    Result<> replied = fail(Error::kBusy);
    std::atomic<bool> cancelled{false};
    at_once([&] { replied = pair.second->reply(*server.process, transaction, kBuffers, 8, 0, 0); },
            [&] { cancelled = client.ring->cancel(2); },
            [&] {
              if (round % 2 == 0) (void)server.process->handles().close(far);
            });
    const auto completions = client.take();
    ASSERT_EQ(completions.at(2).size(), 1u);
    const i64 result = completions.at(2)[0].result;
    EXPECT_EQ(result == 8, replied.has_value());
    EXPECT_EQ(result == -static_cast<i64>(Error::kCancelled), cancelled.load());
    if (result == 8) EXPECT_EQ(*client.process->read<u64>(kBuffers + 64), 0x1234u);
  }
}

// The same through entries alone: call, reply and receive in one, the next call.
TEST_F(Races, InlineReplyAgainstCancelAgainstPeerClosing) {
  for (u32 round = 0; round < kRounds; ++round) {
    Side client, server;
    auto pair = *Channel::create(nullptr);
    const Handle near = *client.process->handles().insert(HandleValue(pair.first, Rights::kAll));
    const Handle far = *server.process->handles().insert(HandleValue(pair.second, Rights::kAll));
    const u64 nothing[6] = {}, request[6] = {0x1234, 0x5678, 12};
    ASSERT_TRUE(start_inline_receive(*server.ring, *server.thread, far, 1, nothing));
    ASSERT_TRUE(start_inline_call(*client.ring, *client.thread, near, 2, request));
    const Completion received = server.take().at(1)[0];
    ASSERT_TRUE(is_inline_result(received.result));
    EXPECT_EQ(inline_bytes(received.result), 12u);
    EXPECT_EQ(received.value[0], 0x1234u);
    const u64 reply[6] = {0x1235, 0, 8, 0, inline_transaction(received.result)};
    std::atomic<bool> cancelled{false}, replied{false};
    at_once([&] { replied = start_inline_reply_receive(*server.ring, *server.thread, far, 3, reply).has_value(); },
            [&] { cancelled = client.ring->cancel(2); },
            [&] {
              if (round % 2 == 0) (void)client.process->handles().close(near);
            });
    const auto completions = client.take();
    ASSERT_EQ(completions.at(2).size(), 1u);
    const Completion& completion = completions.at(2)[0];
    EXPECT_EQ(completion.result == -static_cast<i64>(Error::kCancelled), cancelled.load());
    if (completion.result == 8) EXPECT_EQ(completion.value[0], 0x1235u);
    if (round % 2 == 0) continue;
    EXPECT_TRUE(replied);
    ASSERT_TRUE(start_inline_call(*client.ring, *client.thread, near, 4, request));
    EXPECT_TRUE(is_inline_result(server.take().at(3)[0].result));
  }
}

TEST_F(Races, EntriesAndBuffersMeet) {
  Side client, server;
  auto pair = *Channel::create(nullptr);
  const Handle near = *client.process->handles().insert(HandleValue(pair.first, Rights::kAll));
  const Handle far = *server.process->handles().insert(HandleValue(pair.second, Rights::kAll));
  ASSERT_TRUE(client.process->write<u64>(kBuffers, 0xabcd));
  // A buffer to an entry: what is beyond the message is zero.
  server.start(Operation::kChannelReceive, far, 1, {kBuffers, 64, 0, 0}, kSubmitInline);
  client.start(Operation::kChannelCall, near, 2, {kBuffers, 4, 0, 0, kBuffers + 64, 64});
  Completion received = server.take().at(1)[0];
  EXPECT_EQ(received.result, inline_result(inline_transaction(received.result), 4));
  EXPECT_EQ(received.value[0], 0xabcdu);
  EXPECT_EQ(received.value[1], 0u);
  // An entry to a buffer.
  server.start(Operation::kChannelReply, far, 3, {1, 2, 16, 0, inline_transaction(received.result)}, kSubmitInline);
  EXPECT_EQ(server.take().at(3)[0].result, 0);
  EXPECT_EQ(client.take().at(2)[0].result, 16);
  EXPECT_EQ(*client.process->read<u64>(kBuffers + 72), 2u);
  // Queued before anybody receives; too large for an entry.
  client.start(Operation::kChannelCall, near, 4, {7, 8, 16}, kSubmitInline);
  client.start(Operation::kChannelSend, near, 5, {kBuffers, 24, 0, 0});
  server.start(Operation::kChannelReceive, far, 6, {}, kSubmitInline);
  received = server.take().at(6)[0];
  EXPECT_EQ(inline_bytes(received.result), 16u);
  EXPECT_EQ(received.value[1], 8u);
  server.start(Operation::kChannelReceive, far, 7, {}, kSubmitInline);
  EXPECT_EQ(server.take().at(7)[0].result, -static_cast<i64>(Error::kTooBig));
  server.start(Operation::kChannelReceive, far, 8, {kBuffers, 64, 0, 0}, kSubmitInline);
  EXPECT_EQ(server.take().at(8)[0].result, 24);
  // The reply to a call without buffers has to fit into its entry.
  server.start(Operation::kChannelReply, far, 9, {kBuffers, 24, 0, 0, inline_transaction(received.result)});
  EXPECT_EQ(server.take().at(9)[0].result, -static_cast<i64>(Error::kTooBig));
  EXPECT_EQ(client.take().at(4)[0].result, -static_cast<i64>(Error::kTooBig));
  // Flags where they mean nothing, too many bytes.
  client.start(Operation::kNop, 0, 10, {}, kSubmitInline);
  client.start(Operation::kChannelReply, near, 11, {}, kSubmitReceive);
  client.start(Operation::kChannelSend, near, 12, {1, 2, 17}, kSubmitInline);
  const auto refused = client.take();
  EXPECT_EQ(refused.at(10)[0].result, -static_cast<i64>(Error::kInvalidArgument));
  EXPECT_EQ(refused.at(11)[0].result, -static_cast<i64>(Error::kInvalidArgument));
  EXPECT_EQ(refused.at(12)[0].result, -static_cast<i64>(Error::kTooBig));
}

TEST_F(Races, SendersAgainstReceiversLoseNothing) {
  Side client(1024), server(1024);
  auto pair = *Channel::create(nullptr);
  const Handle near = *client.process->handles().insert(HandleValue(pair.first, Rights::kAll));
  const Handle far = *server.process->handles().insert(HandleValue(pair.second, Rights::kAll));
  constexpr u64 kMessages = 500;
  for (u64 i = 0; i < 512; ++i) ASSERT_TRUE(client.process->write<u64>(kBuffers + i * 8, i));
  at_once(
      [&] {
        for (u64 i = 0; i < kMessages; ++i) client.start(Operation::kChannelSend, near, i, {kBuffers + i * 8, 8, 0, 0});
      },
      [&] {
        for (u64 i = 0; i < kMessages; ++i) server.start(Operation::kChannelReceive, far, i, {kBuffers + i * 8, 8, 0, 0});
      });
  const auto sent = client.take(), received = server.take();
  EXPECT_EQ(sent.size(), kMessages);
  EXPECT_EQ(received.size(), kMessages);
  std::vector<bool> seen(kMessages);
  for (u64 i = 0; i < kMessages; ++i) {
    EXPECT_EQ(received.at(i)[0].result, 8);
    const u64 value = *server.process->read<u64>(kBuffers + i * 8);
    ASSERT_LT(value, kMessages);
    EXPECT_FALSE(seen[value]);
    seen[value] = true;
  }
}

TEST_F(Races, HandlesInMessagesAreNeitherLostNorDoubled) {
  for (u32 round = 0; round < kRounds / 4; ++round) {
    const auto event = *Event::create();
    {
      Side client, server;
      auto pair = *Channel::create(nullptr);
      const Handle near = *client.process->handles().insert(HandleValue(pair.first, Rights::kAll));
      const Handle far = *server.process->handles().insert(HandleValue(pair.second, Rights::kAll));
      pair = {};
      const Handle moving = *client.process->handles().insert(HandleValue(event, Rights::kAll));
      ASSERT_TRUE(client.process->write<u32>(kBuffers, moving));
      at_once([&] { client.start(Operation::kChannelSend, near, 1, {0, 0, kBuffers, 1}); },
              [&] { server.start(Operation::kChannelReceive, far, 1, {0, 0, kBuffers, 1}); },
              [&] {
                if (round % 2 == 0) (void)server.process->handles().close(far);
              });
      EXPECT_FALSE(client.process->handles().get<Event>(moving, Rights::kNone)) << "it has moved";
      if (round % 2 != 0) EXPECT_TRUE(server.process->handles().get<Event>(*server.process->read<u32>(kBuffers), Rights::kAll));
    }
    EXPECT_EQ(event->handle_count(), 0u);
    EXPECT_EQ(event->reference_count(), 1u);
  }
}

TEST_F(Races, FutexWaitersAgainstWakes) {
  Side side(1024);
  ASSERT_TRUE(side.process->write<u32>(kBuffers, 1));
  u64 woken = 0;
  at_once(
      [&] {
        for (u64 i = 0; i < 200; ++i) side.start(Operation::kFutexWait, 0, i, {kBuffers, 1, kNever});
      },
      [&] {
        for (u64 i = 0; i < 100; ++i) side.start(Operation::kFutexWake, 0, 1000 + i, {kBuffers, 1});
      });
  side.start(Operation::kFutexWake, 0, 2000, {kBuffers, 1000});
  u64 waits = 0;
  for (const auto& [user_data, list] : side.take()) {
    EXPECT_EQ(list.size(), 1u);
    if (user_data < 1000) {
      EXPECT_EQ(list[0].result, 0);
      ++waits;
    } else {
      woken += static_cast<u64>(list[0].result);
    }
  }
  EXPECT_EQ(waits, 200u);
  EXPECT_EQ(woken, 200u);
}

// What a process makes is charged to it, and given back when the last of it is gone.
TEST_F(Races, MessagesAndOperationsAreChargedToTheirMaker) {
  Side side(64);
  Quota& quota = *side.process->quota();
  const u64 before = quota.bytes(), objects = quota.objects();
  {
    auto pair = *Channel::create(side.process->quota());
    EXPECT_EQ(quota.objects(), objects + 2);
    const Handle near = *side.process->handles().insert(HandleValue(pair.first, Rights::kAll));
    const Handle far = *side.process->handles().insert(HandleValue(pair.second, Rights::kAll));
    pair = {};
    side.start(Operation::kTimeout, 0, 0, {0});          // the first operation pays for those after it,
    ASSERT_TRUE(side.process->write<u32>(kBuffers, 0));  // the first access for page and tables
    (void)side.take();
    quota.set_byte_limit(quota.bytes() + 10'000);
    i64 last = 0;
    u32 sent = 0;
    while (last >= 0 && sent < 50) {
      side.start(Operation::kChannelSend, near, ++sent, {kBuffers, 1000, 0, 0});
      last = side.take().at(sent)[0].result;
    }
    EXPECT_EQ(last, -static_cast<i64>(Error::kNoMemory));
    EXPECT_GT(sent, 3u);
    EXPECT_LT(sent, 11u);
    ASSERT_TRUE(side.process->handles().close(near));
    ASSERT_TRUE(side.process->handles().close(far));
  }
  quota.set_byte_limit(quota.bytes());
  for (u64 i = 0; i < 100; ++i) side.start(Operation::kTimeout, 0, i, {kNever - 1});
  u64 refused = 0;
  for (const auto& [user_data, list] : side.take()) refused += list[0].result == -static_cast<i64>(Error::kNoMemory);
  EXPECT_GT(refused, 0u);
  EXPECT_GT(quota.bytes(), before);
  side.ring->close();
}

TEST_F(Races, OverflowKeepsEveryCompletionInOrder) {
  Side side(4);
  for (u64 i = 0; i < 64; ++i) side.start(Operation::kTimeout, 0, i, {testing::clock_ns + 1 + i});
  testing::clock_ns += 100;
  scheduler_at(0).timers.run(arch::now_ns(), 100);
  u64 next = 0;
  for (u32 i = 0; i < 64 && next < 64; ++i) {
    for (const auto& [user_data, list] : side.take()) EXPECT_EQ(user_data, next++);
    side.thread->word_ = Thread::kRunning;
    EXPECT_EQ(side.ring->cancel(999), false);
    side.ring->flush();
  }
  EXPECT_EQ(next, 64u);
}

// Threads that enter one ring together: while one moves what overflowed into the queue, another finds the queue full again.
TEST_F(Races, OverflowOfManyThreadsThatEnter) {
  constexpr u64 kNops = 20'000;
  Side side(1);
  u8* queues = side.ring->memory().data();
  auto& header = *reinterpret_cast<RingHeader*>(queues);
  auto& submission = *reinterpret_cast<Submission*>(queues + header.submit_offset);
  const auto& completion = *reinterpret_cast<const Completion*>(queues + header.complete_offset);
  ThreadPage& page = *side.thread->page;
  const Handle ring = *side.process->handles().insert(HandleValue(side.ring, Rights::kAll));
  std::atomic<u64> taken = 0;
  const auto take = [&] {
    if (header.complete_tail.load(std::memory_order_acquire) == static_cast<u32>(taken)) return;
    EXPECT_EQ(completion.user_data, taken);
    header.complete_head.store(static_cast<u32>(++taken), std::memory_order_release);
  };
  at_once(
      [&] {
        for (u64 i = 0; i < kNops;) {
          submission = {Operation::kNop, 0, 0, i, {}};
          header.submit_tail.store(static_cast<u32>(i + 1), std::memory_order_release);
          page.rdi = ring, page.rsi = 1, page.rdx = 0, page.r10 = kNever;
          (void)enter_ring(this_cpu(), *side.thread);
          EXPECT_LE(page.rax, 1u);
          i += page.rax;
        }
      },
      [&] {
        while (taken < kNops) {
          take();
          side.ring->flush();
        }
      },
      [&] {
        while (taken < kNops) side.ring->flush();
      });
  EXPECT_EQ(taken, kNops);
}

}  // namespace
}  // namespace hati
