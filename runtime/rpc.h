// SPDX-License-Identifier: MIT
// Typed calls over channels. A protocol (protocols/*.h) lists its requests; a request names its reply. A handler returns the reply
// or an error and the runtime sends it; what a client sends wrong is answered with kBadData and harms nobody else.
//
//     struct ReadRequest { static constexpr u32 kId = 1; using Reply = ReadReply; u32 bytes; u32 reserved; };
//     using ConsoleProtocol = Protocol<ReadRequest, WriteRequest>;
//     Task<Result<ReadReply>> on(ReadRequest request, CallContext& context);
//     co_await serve<ConsoleProtocol>(std::move(channel), handler);
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "runtime/async/semaphore.h"
#include "runtime/operation.h"
#include "runtime/scope.h"

namespace hati {

template <class... Requests>
struct Protocol {};

// What a reply is when there is nothing to say.
struct EmptyReply {
  u64 reserved = 0;
};

// Before each request and each reply.
struct MessageHeader {
  u32 id;     // Request::kId
  i32 error;  // replies: 0, or an Error, and then nothing follows
};
static_assert(sizeof(MessageHeader) == 8);

template <class T>
concept MessageBody = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && sizeof(T) <= 4096 && std::has_unique_object_representations_v<T>;
template <class T>
concept Request = MessageBody<T> && MessageBody<typename T::Reply> && requires { { T::kId } -> std::convertible_to<u32>; };

inline constexpr usize kPayloadMax = 16384;  // bytes after the fixed part of a request or reply

// What travels beside a request's or reply's fixed part.
struct Attachments {
  std::vector<std::byte> payload;
  std::vector<OwnedHandle> handles;  // at most kMessageHandlesMax
};

// A call being served.
struct CallContext {
  Attachments in;   // came with the request
  Attachments out;  // to be sent with the reply
};

namespace rpc_detail {

struct Message {
  std::unique_ptr<std::byte[]> bytes;
  usize size = 0;
  u64 transaction = 0;
  std::vector<OwnedHandle> handles;
};

// The next message of any size.
Task<Result<Message>> receive(Handle channel);
// Sends the reply, or the error alone; a client that cannot take it is cut off by its own doing, so nothing is reported.
void reply(Handle channel, u64 transaction, u32 id, std::span<const std::byte> body, Attachments& out);
void reply_error(Handle channel, u64 transaction, u32 id, Error error);
// Splits a message: fixed part into `body`, the rest into `out`. kBadData.
Result<void> unpack(Message& message, std::span<std::byte> body, Attachments& out);
Task<Result<void>> call(Handle channel, u32 id, std::span<const std::byte> body, std::span<std::byte> reply, Attachments* in, Attachments* out);
Task<Result<void>> send(Handle channel, u32 id, std::span<const std::byte> body, Attachments* in);

inline u32 message_id(const Message& message) {
  MessageHeader header{};
  if (message.size >= sizeof(header)) std::memcpy(&header, message.bytes.get(), sizeof(header));
  return header.id;
}

template <class R, class Handler>
Task<void> serve_one(Handle channel, Handler& handler, Message message) {
  CallContext context;
  R request{};
  const u64 transaction = message.transaction;
  if (auto ok = unpack(message, std::as_writable_bytes(std::span(&request, 1)), context.in); !ok) {
    reply_error(channel, transaction, R::kId, ok.error());
    co_return;
  }
  const Result<typename R::Reply> result = co_await handler.on(request, context);
  if (!result) {
    reply_error(channel, transaction, R::kId, result.error());
  } else {
    reply(channel, transaction, R::kId, std::as_bytes(std::span(&*result, 1)), context.out);
  }
}

// Answers kBadData.
Task<void> serve_unknown(Handle channel, Message message);

// Not a coroutine: the task it returns is the one of the request that the message carries.
template <class Handler, class R, class... Rest>
Task<void> dispatch(Protocol<R, Rest...>, Handle channel, Handler& handler, Message message) {
  if (message_id(message) == R::kId) return serve_one<R>(channel, handler, std::move(message));
  if constexpr (sizeof...(Rest) > 0) {
    return dispatch(Protocol<Rest...>{}, channel, handler, std::move(message));
  } else {
    return serve_unknown(channel, std::move(message));
  }
}

template <class P, class Handler>
Task<void> serve_message(Handle channel, Handler& handler, async::Semaphore& slots, Message message) {
  co_await dispatch(P{}, channel, handler, std::move(message));
  slots.release();
}

}  // namespace rpc_detail

// Serves one client until it closes its end or the task is cancelled; then cancels the calls in progress and waits for
// them. At most `kParallelCalls` calls of a client run at once; more wait in the channel. `handler` has one on() per request.
template <class P, class Handler>
Task<void> serve(Channel channel, Handler& handler) {
  static constexpr u64 kParallelCalls = 8;
  async::Semaphore slots(kParallelCalls);
  Scope calls(co_await current_cancel());
  for (;;) {
    if (!co_await slots.acquire()) break;
    auto message = co_await rpc_detail::receive(channel.get());
    if (!message) break;
    calls.start(rpc_detail::serve_message<P>(channel.get(), handler, slots, *std::move(message)));
  }
  calls.cancel();
  co_await calls.join();
}

// The calling side. Any number of calls may be in flight. kPeerClosed when the server is gone.
template <class P>
class Client {
 public:
  Client() = default;
  explicit Client(Channel channel) : channel_(std::move(channel)) {}

  // `in`: payload and handles to send (they move); `out`: receives the reply's (kTooBig without it if there are
  // any). Either may be null.
  template <Request R>
  Task<Result<typename R::Reply>> call(R request, Attachments* in = nullptr, Attachments* out = nullptr) {
    typename R::Reply reply{};
    CO_TRY(co_await rpc_detail::call(channel_.get(), R::kId, std::as_bytes(std::span(&request, 1)), std::as_writable_bytes(std::span(&reply, 1)), in, out));
    co_return reply;
  }
  // Without waiting for an answer.
  template <Request R>
  Task<Result<void>> send(R request, Attachments* in = nullptr) {
    co_return co_await rpc_detail::send(channel_.get(), R::kId, std::as_bytes(std::span(&request, 1)), in);
  }
  Handle handle() const { return channel_.get(); }
  explicit operator bool() const { return static_cast<bool>(channel_); }

 private:
  Channel channel_;
};

}  // namespace hati
