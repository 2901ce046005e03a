// SPDX-License-Identifier: MIT
// Robust futexes: the words that a thread still owned when it ended are marked, and one waiter each is woken. The list is the program's: it may be
// circular, endless or garbage.
#include "servers/linux/futex/futex.h"
#include "servers/linux/process/process.h"

namespace hati::linux {
namespace {

struct RobustList {
  u64 next;
  i64 offset;   // from an entry to its word
  u64 pending;  // entry being changed
};
static_assert(sizeof(RobustList) == 24);
constexpr u32 kWaiters = 0x80000000, kOwnerDied = 0x40000000, kTidMask = 0x3fffffff;
constexpr int kEntriesMax = 2048;
constexpr u64 kPiBit = 1;

void release_word(Thread& thread, u64 address, bool pi, bool pending) {
  if (address % 4 != 0) return;
  const UserMemory memory = thread.memory();
  auto word = memory.get(UserPtr<u32>{address});
  while (word) {
    // The owner was between unlocking and waking: wake for it.
    if (pending && !pi && *word == 0) {
      futex_wake(thread.mm(), address, 1);
      return;
    }
    if ((*word & kTidMask) != static_cast<u32>(thread.tid())) return;
    const auto seen = memory.compare_exchange(address, *word, (*word & kWaiters) | kOwnerDied);
    if (!seen) return;
    if (*seen == *word) {
      if (!pi && (*word & kWaiters) != 0) futex_wake(thread.mm(), address, 1);
      return;
    }
    word = *seen;
  }
}

}  // namespace

void exit_robust_list(Thread& thread) {
  const u64 head = std::exchange(thread.robust_list, 0);
  if (head == 0) return;
  const auto list = thread.memory().get(UserPtr<RobustList>{head});
  if (!list) return;
  u64 entry = list->next;
  for (int count = 0; (entry & ~kPiBit) != head && count < kEntriesMax; ++count) {
    const u64 address = entry & ~kPiBit;
    const auto next = thread.memory().get(UserPtr<u64>{address});
    if (entry != list->pending) release_word(thread, address + static_cast<u64>(list->offset), (entry & kPiBit) != 0, false);
    if (!next) break;
    entry = *next;
  }
  if (list->pending != 0) release_word(thread, (list->pending & ~kPiBit) + static_cast<u64>(list->offset), (list->pending & kPiBit) != 0, true);
}

SysResult<i64> sys_set_robust_list(Thread& thread, u64 head, u64 size) {
  if (size != sizeof(RobustList)) return fail(Errno::kINVAL);
  thread.robust_list = head;
  return 0;
}

SysResult<i64> sys_get_robust_list(Thread& thread, i32 tid, UserPtr<u64> head, UserPtr<u64> size) {
  Ref<Thread> target = tid == 0 ? Ref(thread) : thread.world().processes().find_thread(tid);
  if (!target) return fail(Errno::kSRCH);
  const Ref<const Credentials> theirs = target->credentials();
  if (target.get() != &thread && theirs->uid != thread.cred().euid && !thread.capable(kCapSysPtrace)) return fail(Errno::kPERM);
  TRY(thread.memory().put(size, u64{sizeof(RobustList)}));
  TRY(thread.memory().put(head, target->robust_list));
  return 0;
}

}  // namespace hati::linux
