// SPDX-License-Identifier: MIT
#include "servers/linux/process/rseq.h"

#include "abi/linux/rseq.h"
#include "runtime/executor.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {
namespace {

constexpr u64 kSectionOffset = __builtin_offsetof(SequenceArea, section);
constexpr u64 kFlagsOffset = __builtin_offsetof(SequenceArea, flags);

u32 processor() { return Worker::current().index(); }

void watch(Thread& thread) {
  ThreadPage& page = thread.page();
  page.watch_address = thread.sequences.area == 0 ? 0 : thread.sequences.area + kSectionOffset;
  page.watch_cpu = processor();
}

// kINVAL: the section makes no sense, or the signature before its abort handler is not the one that was registered.
SysResult<> check(Thread& thread, const SequenceSection& section) {
  const bool inside = section.start < kProgramEnd && section.length < kProgramEnd - section.start && section.abort < kProgramEnd;
  if (!inside || section.version != 0 || section.flags != 0) return fail(Errno::kINVAL);
  if (section.abort - section.start < section.length) return fail(Errno::kINVAL);
  const u32 signature = TRY(thread.memory().get(UserPtr<u32>{section.abort - sizeof(u32)}));
  return signature == thread.sequences.signature ? SysResult<>{} : fail(Errno::kINVAL);
}

SysResult<> abort_section(Thread& thread) {
  const UserMemory memory = thread.memory();
  const UserPtr<u64> pointer{thread.sequences.area + kSectionOffset};
  const u64 address = TRY(memory.get(pointer));
  if (address == 0) return {};
  const auto section = TRY(memory.get(UserPtr<SequenceSection>{address}));
  TRY(check(thread, section));
  ThreadPage& page = thread.page();
  const bool inside = page.rip - section.start < section.length;
  // Flags that keep sections from being restarted are a thing of the past.
  if (inside && TRY(memory.get(UserPtr<u32>{thread.sequences.area + kFlagsOffset})) != 0) return fail(Errno::kINVAL);
  TRY(memory.put(pointer, u64{0}));
  if (inside) page.rip = section.abort;
  return {};
}

SysResult<> tell_processor(Thread& thread, u32 start, u32 cpu) {
  const u32 words[2] = {start, cpu};
  return thread.memory().write(thread.sequences.area, words, sizeof words);
}

SysResult<i64> unregister(Thread& thread, u64 area, u32 bytes, u32 signature) {
  RestartableSequences& own = thread.sequences;
  if (own.area == 0 || own.area != area || bytes != kSequenceAreaBytes) return fail(Errno::kINVAL);
  if (own.signature != signature) return fail(Errno::kPERM);
  TRY(tell_processor(thread, 0, kSequenceNoCpu));
  own = {};
  watch(thread);
  return 0;
}

}  // namespace

void renew_sequences(Thread& thread) {
  if (thread.sequences.area == 0) return;
  watch(thread);
  if (!abort_section(thread) || !tell_processor(thread, processor(), processor())) force_signal(thread, kernel_signal(kSigSegv));
}

bool abort_sequence_for_signal(Thread& thread) { return thread.sequences.area == 0 || abort_section(thread); }

bool sequences_have_moved(Thread& thread) { return thread.sequences.area != 0 && thread.page().watch_cpu != processor(); }

void inherit_sequences(Thread& parent, Thread& child) {
  child.sequences = parent.sequences;
  if (child.sequences.area != 0) child.set_work(kWorkSequences);
}

SysResult<i64> sys_rseq(Thread& thread, u64 area, u32 bytes, u32 flags, u32 signature) {
  if ((flags & kSequenceUnregister) != 0)
    return flags == kSequenceUnregister ? unregister(thread, area, bytes, signature) : fail(Errno::kINVAL);
  if (flags != 0) return fail(Errno::kINVAL);
  RestartableSequences& own = thread.sequences;
  if (own.area != 0) {
    if (own.area != area || bytes != kSequenceAreaBytes) return fail(Errno::kINVAL);
    return fail(own.signature != signature ? Errno::kPERM : Errno::kBUSY);
  }
  if (area % kSequenceAreaAlign != 0 || bytes != kSequenceAreaBytes) return fail(Errno::kINVAL);
  if (area >= kProgramEnd || kSequenceAreaBytes > kProgramEnd - area) return fail(Errno::kFAULT);
  own = {area, signature};
  thread.set_work(kWorkSequences);  // the area is filled in on the way back
  return 0;
}

}  // namespace hati::linux
