// SPDX-License-Identifier: MIT
// poll(2), ppoll(2), select(2), pselect6(2).
#include "servers/linux/file/poll.h"

#include <algorithm>

#include "abi/linux/poll.h"
#include "servers/linux/core/calls_file.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {

u64 deadline_after_ms(i64 ms) {
  if (ms < 0) return kNever;
  if (ms == 0) return 0;
  return monotonic_ns() + static_cast<u64>(ms) * 1'000'000;
}

SysResult<u64> deadline_after(const UserTimespec& time) {
  if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= 1'000'000'000) return fail(Errno::kINVAL);
  if (time.seconds == 0 && time.nanoseconds == 0) return 0;
  if (time.seconds > 9'000'000'000) return kNever;
  return monotonic_ns() + static_cast<u64>(time.seconds) * 1'000'000'000 + static_cast<u64>(time.nanoseconds);
}

SysResult<u64> deadline_of(Thread& thread, UserPtr<UserTimespec> time) {
  if (!time) return kNever;
  const UserTimespec given = TRY(thread.memory().get(time));
  return deadline_after(given);
}

void put_remaining(Thread& thread, UserPtr<UserTimespec> to, u64 deadline) {
  if (!to || deadline == kNever) return;
  const u64 now = monotonic_ns();
  const u64 left = deadline > now ? deadline - now : 0;
  // A read-only time is not an error (poll_select_finish()).
  (void)thread.memory().put(to, UserTimespec{static_cast<i64>(left / 1'000'000'000), static_cast<i64>(left % 1'000'000'000)});
}

SysResult<std::optional<u64>> get_signal_mask(Thread& thread, UserPtr<const u64> mask, u64 bytes) {
  if (!mask) return std::optional<u64>{};
  if (bytes != sizeof(u64)) return fail(Errno::kINVAL);
  return std::optional<u64>{TRY(thread.memory().get(mask))};
}

namespace {

constexpr u32 kAlways = kPollErr | kPollHup;

// A descriptor that is watched: the file stays while somebody waits.
struct Watched {
  Ref<File> file;
  u32 events;
  WaitLink link;
};

// Waits until `scan` finds something or time is up. Count of ready descriptors.
template <class Scan>
Task<SysResult<i64>> wait_ready(Thread& thread, std::vector<Watched>& watched, u64 deadline, Scan scan) {
  Waiter waiter(&thread);
  for (Watched& entry : watched) {
    if (!entry.file) continue;
    if (WaitQueue* queue = entry.file->poll_queue_for(thread)) waiter.add(*queue, entry.link, entry.events | kAlways);
  }
  for (;;) {
    if (const i64 count = scan(); count > 0) co_return count;
    if (deadline == 0) co_return 0;
    const SysResult<> woken = co_await waiter.wait(deadline);
    if (woken) continue;
    if (woken.error() == Errno::kTIMEDOUT) co_return scan();
    co_return fail(Errno::kRESTARTNOHAND);
  }
}

// The mask of ppoll and pselect is in force during `work` alone, unless a signal ended it: then its delivery restores the mask.
Task<SysResult<i64>> with_mask(Thread& thread, std::optional<u64> mask, Task<SysResult<i64>> work) {
  if (mask) set_temporary_mask(thread, *mask);
  const SysResult<i64> result = co_await std::move(work);
  if (mask && (result || result.error() != Errno::kRESTARTNOHAND)) restore_signal_mask(thread);
  co_return result;
}

// ---- poll ----

SysResult<std::vector<UserPollFd>> get_set(Thread& thread, UserPtr<UserPollFd> fds, u32 count) {
  if (count > thread.process().limit(kLimitFiles)) return fail(Errno::kINVAL);
  std::vector<UserPollFd> set(count);
  if (count > 0) TRY(thread.memory().read(fds.address, set.data(), count * sizeof(UserPollFd)));
  return set;
}

SysResult<i64> put_set(Thread& thread, UserPtr<UserPollFd> fds, const std::vector<UserPollFd>& set, i64 count) {
  if (!set.empty()) TRY(thread.memory().write(fds.address, set.data(), set.size() * sizeof(UserPollFd)));
  return count;
}

i16 ready_events(Thread& thread, File* file, i16 wanted) {
  if (file == nullptr || file->is_path_only()) return kPollNval;
  return static_cast<i16>(file->poll_for(thread) & (static_cast<u16>(wanted) | kAlways));
}

i64 scan_set(Thread& thread, std::vector<UserPollFd>& set) {
  i64 count = 0;
  for (UserPollFd& entry : set) {
    entry.returned = 0;
    if (entry.fd < 0) continue;
    const SysResult<Ref<File>> file = thread.files().get(Fd{entry.fd});
    entry.returned = ready_events(thread, file ? file->get() : nullptr, entry.events);
    count += entry.returned != 0;
  }
  return count;
}

Task<SysResult<i64>> poll_waiting(Thread& thread, UserPtr<UserPollFd> fds, u32 count, u64 deadline) {
  std::vector<UserPollFd> set = CO_TRY(get_set(thread, fds, count));
  std::vector<Watched> watched(set.size());
  for (usize i = 0; i < set.size(); ++i) {
    if (set[i].fd < 0) continue;
    SysResult<Ref<File>> file = thread.files().get(Fd{set[i].fd});
    if (file) watched[i].file = *std::move(file);
    watched[i].events = static_cast<u16>(set[i].events);
  }
  const auto scan = [&] {
    i64 ready = 0;
    for (usize i = 0; i < set.size(); ++i) {
      set[i].returned = set[i].fd < 0 ? i16{0} : ready_events(thread, watched[i].file.get(), set[i].events);
      ready += set[i].returned != 0;
    }
    return ready;
  };
  const i64 ready = CO_TRY(co_await wait_ready(thread, watched, deadline, scan));
  co_return put_set(thread, fds, set, ready);
}

Task<SysResult<i64>> restart_poll(Thread& thread);

// A poll that a stop interrupted goes on with the same deadline (restart_syscall(2)).
Task<SysResult<i64>> poll_restartable(Thread& thread, UserPtr<UserPollFd> fds, u32 count, u64 deadline) {
  const SysResult<i64> result = co_await poll_waiting(thread, fds, count, deadline);
  if (result || result.error() != Errno::kRESTARTNOHAND) co_return result;
  thread.restart.restart = restart_poll;
  thread.restart.deadline = deadline;
  thread.restart.value[0] = fds.address;
  thread.restart.value[1] = count;
  co_return fail(Errno::kRESTARTBLOCK);
}

Task<SysResult<i64>> restart_poll(Thread& thread) {
  return poll_restartable(thread, UserPtr<UserPollFd>{thread.restart.value[0]}, static_cast<u32>(thread.restart.value[1]),
                          thread.restart.deadline);
}

}  // namespace

SysResult<i64> sys_poll_now(Thread& thread, UserPtr<UserPollFd> fds, u32 count, i32 timeout_ms) {
  std::vector<UserPollFd> set = TRY(get_set(thread, fds, count));
  const i64 ready = scan_set(thread, set);
  if (ready == 0 && timeout_ms != 0) return fail(Errno::kNEEDASYNC);
  return put_set(thread, fds, set, ready);
}

Task<SysResult<i64>> sys_poll(Thread& thread, UserPtr<UserPollFd> fds, u32 count, i32 timeout_ms) {
  return poll_restartable(thread, fds, count, deadline_after_ms(timeout_ms));
}

Task<SysResult<i64>> sys_ppoll(Thread& thread, UserPtr<UserPollFd> fds, u32 count, UserPtr<UserTimespec> time, UserPtr<const u64> mask,
                               u64 mask_bytes) {
  const u64 deadline = CO_TRY(deadline_of(thread, time));
  const std::optional<u64> signals = CO_TRY(get_signal_mask(thread, mask, mask_bytes));
  const SysResult<i64> result = co_await with_mask(thread, signals, poll_waiting(thread, fds, count, deadline));
  put_remaining(thread, time, deadline);
  co_return result;
}

namespace {

// ---- select ----

constexpr u32 kReadSet = kPollRdNorm | kPollRdBand | kPollIn | kPollHup | kPollErr;
constexpr u32 kWriteSet = kPollWrBand | kPollWrNorm | kPollOut | kPollErr;
constexpr u32 kExceptSet = kPollPri;

struct SelectSets {
  UserAddress address[3];
  std::vector<u64> wanted[3], ready[3];
};

SysResult<SelectSets> get_sets(Thread& thread, usize words, UserAddress read, UserAddress write, UserAddress except) {
  SelectSets sets{.address = {read, write, except}, .wanted = {}, .ready = {}};
  for (int kind = 0; kind < 3; ++kind) {
    sets.wanted[kind].resize(words);
    sets.ready[kind].resize(words);
    if (sets.address[kind] && words > 0) TRY(thread.memory().read(sets.address[kind].address, sets.wanted[kind].data(), words * 8));
  }
  return sets;
}

SysResult<> put_sets(Thread& thread, const SelectSets& sets) {
  for (int kind = 0; kind < 3; ++kind)
    if (sets.address[kind] && !sets.ready[kind].empty())
      TRY(thread.memory().write(sets.address[kind].address, sets.ready[kind].data(), sets.ready[kind].size() * 8));
  return {};
}

constexpr u32 kKinds[3] = {kReadSet, kWriteSet, kExceptSet};

i64 scan_sets(Thread& thread, SelectSets& sets, std::vector<Watched>& watched, std::span<const i32> numbers) {
  i64 count = 0;
  for (auto& ready : sets.ready) std::fill(ready.begin(), ready.end(), 0);
  for (usize i = 0; i < watched.size(); ++i) {
    const u32 events = watched[i].file->poll_for(thread);
    const auto word = static_cast<usize>(numbers[i]) / 64;
    const u64 bit = u64{1} << (numbers[i] % 64);
    for (int kind = 0; kind < 3; ++kind) {
      if ((sets.wanted[kind][word] & bit) == 0 || (events & kKinds[kind]) == 0) continue;
      sets.ready[kind][word] |= bit;
      ++count;
    }
  }
  return count;
}

Task<SysResult<i64>> select_waiting(Thread& thread, i32 limit, UserAddress read, UserAddress write, UserAddress except, u64 deadline) {
  if (limit < 0) co_return fail(Errno::kINVAL);
  limit = std::min<i32>(limit, static_cast<i32>(std::max<usize>(thread.files().slot_count(), 64)));
  const usize words = (static_cast<usize>(limit) + 63) / 64;
  SelectSets sets = CO_TRY(get_sets(thread, words, read, write, except));
  std::vector<Watched> watched;
  std::vector<i32> numbers;
  for (i32 fd = 0; fd < limit; ++fd) {
    u32 events = 0;
    for (int kind = 0; kind < 3; ++kind)
      if ((sets.wanted[kind][static_cast<usize>(fd) / 64] >> (fd % 64) & 1) != 0) events |= kKinds[kind];
    if (events == 0) continue;
    Ref<File> file = CO_TRY(thread.files().get(Fd{fd}));
    if (file->is_path_only()) co_return fail(Errno::kBADF);
    watched.push_back({.file = std::move(file), .events = events, .link = {}});
    numbers.push_back(fd);
  }
  const i64 count = CO_TRY(co_await wait_ready(thread, watched, deadline, [&] { return scan_sets(thread, sets, watched, numbers); }));
  CO_TRY(put_sets(thread, sets));
  co_return count;
}

}  // namespace

Task<SysResult<i64>> sys_select(Thread& thread, i32 limit, UserAddress read, UserAddress write, UserAddress except,
                                UserPtr<UserTimeval> time) {
  u64 deadline = kNever;
  if (time) {
    const UserTimeval given = CO_TRY(thread.memory().get(time));
    if (given.seconds < 0 || given.microseconds < 0) co_return fail(Errno::kINVAL);
    deadline = CO_TRY(deadline_after({given.seconds + given.microseconds / 1'000'000, given.microseconds % 1'000'000 * 1000}));
  }
  const SysResult<i64> result = co_await select_waiting(thread, limit, read, write, except, deadline);
  if (time && deadline != kNever) {
    const u64 now = monotonic_ns(), left = deadline > now ? deadline - now : 0;
    (void)thread.memory().put(time, UserTimeval{static_cast<i64>(left / 1'000'000'000), static_cast<i64>(left % 1'000'000'000 / 1000)});
  }
  co_return result;
}

// The sixth argument points to the mask's address and size.
Task<SysResult<i64>> sys_pselect6(Thread& thread, i32 limit, UserAddress read, UserAddress write, UserAddress except,
                                  UserPtr<UserTimespec> time, UserPtr<const std::pair<u64, u64>> mask) {
  const u64 deadline = CO_TRY(deadline_of(thread, time));
  std::optional<u64> signals;
  if (mask) {
    u64 argument[2];
    CO_TRY(thread.memory().read(mask.address, argument, sizeof argument));
    signals = CO_TRY(get_signal_mask(thread, UserPtr<const u64>{argument[0]}, argument[1]));
  }
  const SysResult<i64> result = co_await with_mask(thread, signals, select_waiting(thread, limit, read, write, except, deadline));
  put_remaining(thread, time, deadline);
  co_return result;
}

}  // namespace hati::linux
