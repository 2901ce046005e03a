// SPDX-License-Identifier: MIT
// From a submission to the object that carries it out: one function per operation, in one table. Arguments are decoded and checked
// first; an error becomes the completion.
#pragma once

#include "abi/ring.h"
#include "base/result.h"

namespace hati {

class Ring;
class Thread;

// `thread`: the current one, of the ring's owner. Always leads to exactly one completion, now or later (none if quiet and successful).
void start_operation(Ring& ring, Thread& thread, const Submission& submission);

// Starts an operation or says why not. What waits has been tracked; what is done has completed.
using OperationStarter = Result<> (*)(Ring& ring, Thread& thread, const Submission& submission);

// Each family has a file of its own.
Result<> start_channel_send(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_channel_receive(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_channel_call(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_channel_reply(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_event_wait(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_interrupt_wait(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_futex_wait(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_futex_wake(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_page_in(Ring& ring, Thread& thread, const Submission& submission);
Result<> start_pager_wait(Ring& ring, Thread& thread, const Submission& submission);

// Messages that travel in the entries (kSubmitInline), from the words of the submission in shared memory. Replies must be quiet.
constexpr u32 operation_word(Operation operation, u16 flags) { return static_cast<u32>(operation) | u32{flags} << 16; }
inline constexpr u32 kInlineCallWord = operation_word(Operation::kChannelCall, kSubmitInline);
inline constexpr u32 kInlineReceiveWord = operation_word(Operation::kChannelReceive, kSubmitInline);
inline constexpr u32 kInlineReplyWord = operation_word(Operation::kChannelReply, kSubmitInline | kSubmitQuiet);
inline constexpr u32 kInlineReplyReceiveWord = operation_word(Operation::kChannelReply, kSubmitInline | kSubmitReceive);
using InlineStarter = Result<> (*)(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments);
Result<> start_inline_call(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments);
Result<> start_inline_receive(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments);
Result<> start_inline_reply(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments);
Result<> start_inline_reply_receive(Ring& ring, Thread& thread, Handle handle, u64 user_data, const volatile u64* arguments);

// kCopy, for the operation and the call alike. Handles may be kOwnSpace.
Result<u64> copy_between(Thread& thread, u32 to, u64 to_address, u32 from, u64 from_address, u64 bytes);

}  // namespace hati
