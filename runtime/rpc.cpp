// SPDX-License-Identifier: MIT
// Packing and unpacking of messages. Everything received is checked for length before it is looked at.
#include "runtime/rpc.h"

#include "runtime/log.h"

namespace hati::rpc_detail {

namespace {

constexpr usize kFirstBuffer = 1024;  // most messages fit
constexpr usize kFixedMax = sizeof(MessageHeader) + 4096;

Submission receive_submission(Handle channel, const Message& message, std::span<Handle> handles) {
  return {.operation = Operation::kChannelReceive, .handle = channel,
          .args = {reinterpret_cast<u64>(message.bytes.get()), message.size, reinterpret_cast<u64>(handles.data()), handles.size()}};
}

void grow(Message& message, usize bytes) {
  message.bytes = std::make_unique_for_overwrite<std::byte[]>(bytes);
  message.size = bytes;
}

std::vector<OwnedHandle> own(std::span<const Handle> handles) {
  std::vector<OwnedHandle> result;
  for (const Handle handle : handles) result.emplace_back(handle);
  return result;
}

std::vector<std::byte> pack(MessageHeader header, std::span<const std::byte> body, std::span<const std::byte> payload) {
  std::vector<std::byte> bytes(sizeof(header) + body.size() + payload.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (!body.empty()) std::memcpy(bytes.data() + sizeof(header), body.data(), body.size());
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof(header) + body.size(), payload.data(), payload.size());
  return bytes;
}

// The numbers of handles about to move; release() them once they have.
std::vector<Handle> numbers(const std::vector<OwnedHandle>& handles) {
  std::vector<Handle> result;
  for (const OwnedHandle& handle : handles) result.push_back(handle.get());
  return result;
}
void moved(std::vector<OwnedHandle>& handles) {
  for (OwnedHandle& handle : handles) (void)handle.release();
  handles.clear();
}

Result<void> check_attachments(const Attachments* attachments) {
  if (attachments == nullptr) return {};
  if (attachments->payload.size() > kPayloadMax || attachments->handles.size() > kMessageHandlesMax) return fail(Error::kTooBig);
  return {};
}

std::span<const std::byte> payload_of(const Attachments* attachments) {
  return attachments != nullptr ? std::span<const std::byte>(attachments->payload) : std::span<const std::byte>();
}

}  // namespace

Task<Result<Message>> receive(Handle channel) {
  Message message;
  std::array<Handle, kMessageHandlesMax> handles{};
  grow(message, kFirstBuffer);
  for (;;) {
    const Completion done = co_await submit(receive_submission(channel, message, handles));
    if (done.result >= 0) {
      message.size = static_cast<usize>(done.result);
      message.transaction = done.value[0];
      message.handles = own(std::span(handles).first(std::min<usize>(done.value[1], handles.size())));
      co_return message;
    }
    if (static_cast<Error>(-done.result) != Error::kTooBig || message.size >= kMessageBytesMax) co_return fail(static_cast<Error>(-done.result));
    grow(message, kMessageBytesMax);
  }
}

void reply(Handle channel, u64 transaction, u32 id, std::span<const std::byte> body, Attachments& out) {
  if (transaction == 0) return;
  if (auto fits = check_attachments(&out); !fits) return reply_error(channel, transaction, id, fits.error());
  const auto bytes = pack({.id = id, .error = 0}, body, out.payload);
  const auto handles = numbers(out.handles);
  if (call::channel_reply(channel, transaction, bytes, handles)) moved(out.handles);
}

void reply_error(Handle channel, u64 transaction, u32 id, Error error) {
  if (transaction == 0) return;
  const MessageHeader header{.id = id, .error = static_cast<i32>(error)};
  (void)call::channel_reply(channel, transaction, std::as_bytes(std::span(&header, 1)));
}

Result<void> unpack(Message& message, std::span<std::byte> body, Attachments& out) {
  const usize fixed = sizeof(MessageHeader) + body.size();
  if (message.size < fixed || message.size - fixed > kPayloadMax) return fail(Error::kBadData);
  const std::byte* bytes = message.bytes.get();
  std::memcpy(body.data(), bytes + sizeof(MessageHeader), body.size());
  out.payload.assign(bytes + fixed, bytes + message.size);
  out.handles = std::move(message.handles);
  return {};
}

Task<void> serve_unknown(Handle channel, Message message) {
  reply_error(channel, message.transaction, message_id(message), Error::kBadData);
  co_return;
}

Task<Result<void>> call(Handle channel, u32 id, std::span<const std::byte> body, std::span<std::byte> reply, Attachments* in, Attachments* out) {
  CO_TRY(check_attachments(in));
  const auto bytes = pack({.id = id, .error = 0}, body, payload_of(in));
  std::array<Handle, kMessageHandlesMax> handles{};
  const usize sent = in != nullptr ? in->handles.size() : 0;
  for (usize i = 0; i < sent; ++i) handles[i] = in->handles[i].get();
  Message message;
  grow(message, out != nullptr ? kFixedMax + kPayloadMax : sizeof(MessageHeader) + reply.size());
  const auto received = co_await channel_call(channel, bytes, {message.bytes.get(), message.size}, handles, sent);
  if (!received) co_return fail(received.error());
  if (in != nullptr) moved(in->handles);
  message.size = received->bytes;
  message.handles = own(std::span(handles).first(std::min<usize>(received->handles, handles.size())));

  MessageHeader header{};
  if (message.size < sizeof(header)) co_return fail(Error::kBadData);
  std::memcpy(&header, message.bytes.get(), sizeof(header));
  if (header.error > 0) co_return fail(static_cast<Error>(header.error));
  if (header.id != id || header.error != 0) co_return fail(Error::kBadData);
  Attachments ignored;
  co_return unpack(message, reply, out != nullptr ? *out : ignored);
}

Task<Result<void>> send(Handle channel, u32 id, std::span<const std::byte> body, Attachments* in) {
  CO_TRY(check_attachments(in));
  const auto bytes = pack({.id = id, .error = 0}, body, payload_of(in));
  const auto handles = in != nullptr ? numbers(in->handles) : std::vector<Handle>();
  CO_TRY(co_await channel_send(channel, bytes, handles));
  if (in != nullptr) moved(in->handles);
  co_return Result<void>();
}

}  // namespace hati::rpc_detail
