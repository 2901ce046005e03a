// SPDX-License-Identifier: MIT
#include "runtime/operation.h"
#include "protocols/console.h"
#include "runtime/combine.h"
#include "runtime/inline_message.h"
#include "runtime/rpc.h"
#include "runtime/tests/run.h"

namespace hati {
namespace {

using testing::run;
using testing::simulate;

Task<void> wait_one(Handle event, std::atomic<int>& woken, std::atomic<int>& cancelled) {
  const auto count = co_await event_wait(event);
  if (count)
    ++woken;
  else if (count.error() == Error::kCancelled)
    ++cancelled;
}
Task<void> event_and_cancel() {
  auto event = KernelEvent::create();
  std::atomic<int> woken = 0, cancelled = 0;
  for (int i = 0; i < 100; ++i) {
    Scope scope;
    scope.start_on(Runtime::worker(static_cast<u32>(i) % Runtime::worker_count()), wait_one(event->get(), woken, cancelled));
    if (i % 3 == 0) (void)co_await sleep_for(100);
    if (i % 2 == 0) EXPECT_TRUE(event->signal());
    scope.cancel();
    co_await scope.join();
  }
  EXPECT_EQ(woken + cancelled, 100);
  EXPECT_GT(cancelled, 0);
}
TEST(Operation, CompletionAndCancellationMeet) {
  run(4, event_and_cancel());
  simulate(20, 3, event_and_cancel);
}

Task<void> operation_deadline() {
  auto event = KernelEvent::create();
  const auto wait = [](Handle h) -> Task<Result<u64>> { co_return co_await event_wait(h); };
  EXPECT_EQ(co_await with_deadline(wait(event->get()), now_ns() + 1000), fail(Error::kTimedOut));
  EXPECT_EQ(co_await event_wait(kNoHandle), fail(Error::kBadHandle));
}
TEST(Operation, Deadline) {
  run(1, operation_deadline());
  simulate(5, 2, operation_deadline);
}

Task<void> answer_inline(Handle channel) {
  auto received = co_await inline_receive(channel);
  while (received) {
    received->words[0] += 1;
    received = co_await inline_reply_receive(channel, *received);
  }
  EXPECT_EQ(received.error(), Error::kPeerClosed);
}
Task<void> inline_messages() {
  auto pair = Channel::create();
  Channel client(std::move(pair->first)), server(std::move(pair->second));
  Scope scope;
  scope.start(answer_inline(server.get()));
  for (u64 i = 0; i < 100; ++i) {
    const auto answer = co_await inline_call(client.get(), {.words = {i, i * 3}, .bytes = 12});
    EXPECT_TRUE(answer && answer->words[0] == i + 1 && answer->bytes == 12);
  }
  // A caller with buffers.
  const std::array<u64, 2> request{7, 8};
  std::array<u64, 2> reply{};
  const auto answered =
      co_await channel_call(client.get(), std::as_bytes(std::span(request)), std::as_writable_bytes(std::span(reply)), {}, 0);
  EXPECT_TRUE(answered && answered->bytes == sizeof(reply) && reply[0] == 8 && reply[1] == 8);
  client.reset();
  co_await scope.join();
}
TEST(Operation, InlineMessages) {
  run(1, inline_messages());
  simulate(5, 2, inline_messages);
}

Task<void> flood() {
  std::vector<KernelEvent> events;
  Scope scope;
  std::atomic<int> woken = 0, cancelled = 0;
  for (int i = 0; i < 1000; ++i) {
    events.push_back(*KernelEvent::create());
    scope.start(wait_one(events.back().get(), woken, cancelled));
  }
  (void)co_await sleep_for(kNsPerMs);
  for (auto& event : events) EXPECT_TRUE(event.signal());
  co_await scope.join();
  EXPECT_EQ(woken, 1000);
}
TEST(Operation, MoreThanTheQueuesHold) {
  run(1, flood());
  simulate(2, 1, flood);
}

struct EchoConsole {
  Task<Result<console::WriteReply>> on(console::WriteRequest, CallContext& context) {
    text.append(reinterpret_cast<const char*>(context.in.payload.data()), context.in.payload.size());
    co_return console::WriteReply{.bytes = context.in.payload.size()};
  }
  Task<Result<console::ReadReply>> on(console::ReadRequest request, CallContext& context) {
    if (request.bytes_max == 0) co_return fail(Error::kInvalidArgument);
    if (request.bytes_max == 77) CO_TRY(co_await sleep_until(kNever));
    for (const char c : text) context.out.payload.push_back(static_cast<std::byte>(c));
    auto memory = CO_TRY(Memory::create(kPageSize));
    context.out.handles.push_back(std::move(memory));
    co_return console::ReadReply{.overrun = 1, .breaks = 2};
  }
  Task<Result<EmptyReply>> on(console::DrainRequest, CallContext&) { co_return EmptyReply{}; }
  Task<Result<EmptyReply>> on(console::SetLineRequest, CallContext&) { co_return fail(Error::kInvalidArgument); }
  std::string text;
};

Task<void> typed_calls() {
  auto ends = *Channel::create();
  EchoConsole server;
  Scope scope;
  scope.start(serve<console::ConsoleProtocol>(std::move(ends.first), server));
  {
    Client<console::ConsoleProtocol> client(std::move(ends.second));
    Attachments in;
    in.payload.assign(5000, std::byte{'x'});
    auto written = co_await client.call(console::WriteRequest{}, &in);
    EXPECT_TRUE(written && written->bytes == 5000);
    Attachments out;
    auto read = co_await client.call(console::ReadRequest{.bytes_max = 1}, nullptr, &out);
    EXPECT_TRUE(read && read->overrun == 1 && read->breaks == 2);
    EXPECT_EQ(out.payload.size(), 5000u);
    EXPECT_EQ(out.handles.size(), 1u);
    EXPECT_EQ((co_await client.call(console::ReadRequest{.bytes_max = 0})).error(), Error::kInvalidArgument);
    EXPECT_EQ((co_await client.call(console::SetLineRequest{})).error(), Error::kInvalidArgument);
    // A call that the server never answers, given up; and one more that waits while others pass.
    const auto forever = [](Client<console::ConsoleProtocol>& c) -> Task<Result<console::ReadReply>> {
      co_return co_await c.call(console::ReadRequest{.bytes_max = 77});
    };
    EXPECT_EQ((co_await with_deadline(forever(client), now_ns() + 1000)).error(), Error::kTimedOut);
    EXPECT_TRUE(co_await client.call(console::DrainRequest{}));
  }
  co_await scope.join();
}
TEST(Rpc, TypedCalls) {
  const usize before = hosted::handle_count();
  run(2, typed_calls());
  simulate(10, 2, typed_calls);
  EXPECT_EQ(hosted::handle_count(), before);
}

Task<void> malformed_messages() {
  auto ends = *Channel::create();
  EchoConsole server;
  Scope scope;
  scope.start(serve<console::ConsoleProtocol>(std::move(ends.first), server));
  {
    Channel client = std::move(ends.second);
    u64 state = 12345;
    for (u32 size = 0; size < 200; ++size) {
      std::array<std::byte, 256> bytes{}, reply{};
      for (auto& b : bytes) b = static_cast<std::byte>((state = state * 6364136223846793005u + 1442695040888963407u) >> 56);
      if (size >= 8 && size < 12) std::memcpy(bytes.data(), &console::WriteRequest::kId, 4);  // right number, too short
      std::array<Handle, kMessageHandlesMax> handles{};
      const auto answered = co_await channel_call(client.get(), std::span(bytes).first(size), reply, handles, 0);
      EXPECT_TRUE(answered);
      MessageHeader header{};
      std::memcpy(&header, reply.data(), sizeof(header));
      EXPECT_EQ(header.error, static_cast<i32>(Error::kBadData));
    }
  }
  co_await scope.join();
  EXPECT_TRUE(server.text.empty());
}
TEST(Rpc, MalformedMessagesAnswerBadData) { run(1, malformed_messages()); }

Task<void> server_gone() {
  auto ends = *Channel::create();
  Client<console::ConsoleProtocol> client(std::move(ends.second));
  Scope scope;
  const auto call = [](Client<console::ConsoleProtocol>& c) -> Task<void> {
    EXPECT_EQ((co_await c.call(console::DrainRequest{})).error(), Error::kPeerClosed);
  };
  scope.start(call(client));
  (void)co_await sleep_for(1000);
  ends.first.reset();
  co_await scope.join();
}
TEST(Rpc, ServerGone) {
  run(2, server_gone());
  simulate(5, 2, server_gone);
}

}  // namespace
}  // namespace hati
