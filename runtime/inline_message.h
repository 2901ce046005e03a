// SPDX-License-Identifier: MIT
// Messages of up to kInlineBytesMax bytes without handles, which travel in the entries of the rings (kSubmitInline): the shortest way between
// two processes. The other end may use buffers as well.
#pragma once

#include <array>

#include "runtime/operation.h"

namespace hati {

struct InlineMessage {
  std::array<u64, 2> words{};
  u32 bytes = sizeof(words);
  u64 transaction = 0;  // of what was received; 0: no reply is expected
};

class InlineCallAwaiter : public OperationAwaiter {
 public:
  using OperationAwaiter::OperationAwaiter;
  // kTooBig: the reply does not fit.
  Result<InlineMessage> await_resume() const noexcept {
    const Completion done = OperationAwaiter::await_resume();
    if (done.result < 0) return fail(static_cast<Error>(-done.result));
    return InlineMessage{.words = {done.value[0], done.value[1]}, .bytes = static_cast<u32>(done.result)};
  }
};
inline InlineCallAwaiter inline_call(Handle channel, const InlineMessage& request) {
  return InlineCallAwaiter({.operation = Operation::kChannelCall,
                            .flags = kSubmitInline,
                            .handle = channel,
                            .args = {request.words[0], request.words[1], request.bytes}});
}

class InlineReceiveAwaiter : public OperationAwaiter {
 public:
  using OperationAwaiter::OperationAwaiter;
  // kTooBig: the message is larger and stays queued; channel_receive() gets it. kPeerClosed after the last message.
  Result<InlineMessage> await_resume() const noexcept {
    const Completion done = OperationAwaiter::await_resume();
    if (done.result < 0) return fail(static_cast<Error>(-done.result));
    return InlineMessage{
        .words = {done.value[0], done.value[1]}, .bytes = inline_bytes(done.result), .transaction = inline_transaction(done.result)};
  }
};
inline InlineReceiveAwaiter inline_receive(Handle channel) {
  return InlineReceiveAwaiter({.operation = Operation::kChannelReceive, .flags = kSubmitInline, .handle = channel});
}
// Answers `reply.transaction`, then receives, also if the caller has given up.
inline InlineReceiveAwaiter inline_reply_receive(Handle channel, const InlineMessage& reply) {
  return InlineReceiveAwaiter({.operation = Operation::kChannelReply,
                               .flags = kSubmitInline | kSubmitReceive,
                               .handle = channel,
                               .args = {reply.words[0], reply.words[1], reply.bytes, 0, reply.transaction}});
}

}  // namespace hati
