// SPDX-License-Identifier: MIT
// What an operation keeps in data[]: a receive and a call their arguments (buffers), a call also its transaction in data[6]. Calls whose
// bytes are in the entries (kSubmitInline) keep only that.
#pragma once

#include "kernel/ipc/channel.h"
#include "kernel/ipc/pending_inline.h"
#include "kernel/thread/process.h"

namespace hati {

// Messages up to this size and without handles pass through the kernel's stack to a receive that waits already.
inline constexpr u64 kDirectBytes = 256;

inline constexpr u32 kTransaction = 6;
inline bool is_inline(const PendingOperation& operation) { return (operation.flags() & kSubmitInline) != 0; }
inline bool is_inline(const Submission& submission) { return (submission.flags & kSubmitInline) != 0; }
inline u64 receive_capacity(const PendingOperation& operation) { return operation.data[1]; }
inline u64 receive_handles(const PendingOperation& operation) { return operation.data[3]; }
inline u64 reply_capacity(const PendingOperation& operation) {
  return is_inline(operation) ? u64{kInlineBytesMax} : operation.data[5] & ~u32{0};
}
inline u64 reply_handles(const PendingOperation& operation) { return is_inline(operation) ? 0 : operation.data[5] >> 32; }
// Whether so small a message goes into the completion of this receive.
inline bool takes_inline(const PendingOperation& receive, u64 bytes, u64 handles) {
  return is_inline(receive) && bytes <= kInlineBytesMax && handles == 0;
}

inline Process& space_of(const PendingOperation& operation) { return static_cast<Process&>(*operation.space); }

[[gnu::always_inline]] inline void keep_arguments(PendingOperation& operation, Process& process, const Submission& submission) {
  for (u32 i = 0; i < 6; ++i) operation.data[i] = submission.args[i];
  operation.space = Ref<Object>(process);
}

// The bytes of a small message as a completion carries them. Whole words are read: kInlineBytesMax bytes must be there, none of the kernel's.
struct InlineBytes {
  u64 first, second;
};
[[gnu::always_inline]] inline InlineBytes inline_words(const u8* bytes) {
  InlineBytes words;
  __builtin_memcpy(&words, bytes, sizeof words);
  return words;
}

}  // namespace hati
