// SPDX-License-Identifier: MIT
// Futex operations (futex/futex.h).
#include "servers/linux/futex/futex.h"

#include "runtime/log.h"
#include "servers/linux/futex/table.h"
#include "servers/linux/memory/mm.h"
#include "servers/linux/process/process.h"
#include "servers/linux/time/time.h"

namespace hati::linux {
namespace {

enum Operation_ : i32 { kWait, kWake, kFd, kRequeue, kCompareRequeue, kWakeOp, kLockPi, kUnlockPi, kTrylockPi, kWaitBitset, kWakeBitset };
constexpr i32 kPrivateFlag = 128, kRealtimeFlag = 256;
constexpr u32 kAnyBit = 0xffff'ffff;
std::atomic<bool> refusal_logged{false};

SysResult<FutexKey> key_of(Mm& mm, u64 address, bool is_private) {
  if (address % 4 != 0) return fail(Errno::kINVAL);
  if (address >= kProgramEnd) return fail(Errno::kFAULT);
  if (!is_private) {
    const auto info = mm.space().query(address);
    if (!info || info->address > address) return fail(Errno::kFAULT);
    if (info->memory_koid != 0 && has(info->flags, MapFlags::kShared)) return FutexKey{info->memory_koid << 1 | 1, info->offset + (address - info->address)};
  }
  return FutexKey{reinterpret_cast<u64>(&mm), address};
}

SysResult<i64> requeue(Thread& thread, u64 from, u64 to, i32 wake_count, i32 move_count, const u32* expected,
                       bool is_private) HATI_NO_THREAD_SAFETY_ANALYSIS {
  if (wake_count < 0 || move_count < 0) return fail(Errno::kINVAL);
  const FutexKey source = TRY(key_of(thread.mm(), from, is_private));
  const FutexKey target = TRY(key_of(thread.mm(), to, is_private));
  const BothBuckets both(source, target);
  if (expected != nullptr && TRY(thread.memory().get(UserPtr<u32>{from})) != *expected) return fail(Errno::kAGAIN);
  u32 done = wake_count > 0 ? both.a.wake(source, static_cast<u32>(wake_count), kAnyBit) : 0;
  if (!(source == target)) done += both.a.move(source, both.b, target, static_cast<u32>(move_count));
  return done;
}

// FUTEX_OP_SET, ADD, OR, ANDN, XOR.
u32 apply(u32 operation, u32 old, u32 operand) {
  switch (operation) {
    case 0: return operand;
    case 1: return old + operand;
    case 2: return old | operand;
    case 3: return old & ~operand;
    default: return old ^ operand;
  }
}

// FUTEX_WAKE_OP: changes the second word and compares its old value, as its argument says.
SysResult<bool> change_word(Thread& thread, u64 address, u32 encoded) {
  u32 operation = encoded >> 28 & 0xf;
  const u32 comparison = encoded >> 24 & 0xf;
  i32 argument = static_cast<i32>(encoded << 8) >> 20;
  const i32 against = static_cast<i32>(encoded << 20) >> 20;
  if ((operation & 8) != 0) {
    if (argument < 0 || argument > 31) argument &= 31;
    argument = static_cast<i32>(1u << argument);
    operation &= 7;
  }
  if (operation > 4) return fail(Errno::kNOSYS);
  const auto operand = static_cast<u32>(argument);
  u32 old = TRY(thread.memory().get(UserPtr<u32>{address}));
  for (;;) {
    const u32 seen = TRY(thread.memory().compare_exchange(address, old, apply(operation, old, operand)));
    if (seen == old) break;
    old = seen;
  }
  const auto value = static_cast<i32>(old);
  switch (comparison) {
    case 0: return value == against;
    case 1: return value != against;
    case 2: return value < against;
    case 3: return value <= against;
    case 4: return value > against;
    case 5: return value >= against;
    default: return fail(Errno::kNOSYS);
  }
}

SysResult<i64> wake_op(Thread& thread, u64 address, u32 count, u64 address2, u32 count2, u32 encoded, bool is_private) HATI_NO_THREAD_SAFETY_ANALYSIS {
  const FutexKey first = TRY(key_of(thread.mm(), address, is_private));
  const FutexKey second = TRY(key_of(thread.mm(), address2, is_private));
  const BothBuckets both(first, second);
  const bool also = TRY(change_word(thread, address2, encoded));
  u32 done = both.a.wake(first, count, kAnyBit);
  if (also) done += both.b.wake(second, count2, kAnyBit);
  return done;
}

struct WaitArguments {
  u64 address = 0;
  u32 value = 0, bits = kAnyBit;
  bool is_private = false, realtime = false;
  bool relative = false;
  u64 deadline = kNever;  // of the monotonic clock, or of the wall clock (realtime)
};

u64 monotonic_deadline(const WaitArguments& arguments) {
  if (!arguments.realtime || arguments.deadline == kNever) return arguments.deadline;
  const i64 offset = World::get().wall_offset();
  const auto wall = static_cast<i64>(arguments.deadline);
  return wall <= offset ? 0 : static_cast<u64>(wall - offset);
}

Task<SysResult<i64>> wait(Thread& thread, WaitArguments arguments) {
  if (arguments.bits == 0) co_return fail(Errno::kINVAL);
  FutexSleeper sleeper(&thread, CO_TRY(key_of(thread.mm(), arguments.address, arguments.is_private)), arguments.bits);
  if (arguments.realtime && arguments.deadline != kNever) sleeper.waiter.add(World::get().wall_changed());
  CO_TRY(FutexTable::enqueue(sleeper, arguments.value, [&] { return thread.memory().get(UserPtr<const u32>{arguments.address}); }));
  SysResult<> waited;
  while (waited && !sleeper.woken()) waited = co_await sleeper.waiter.wait(monotonic_deadline(arguments));
  if (!FutexTable::dequeue(sleeper) || waited) co_return 0;  // woken, perhaps in the last moment
  if (waited.error() != Errno::kRESTARTSYS || arguments.deadline == kNever) co_return fail(waited.error());
  if (!arguments.relative) co_return fail(Errno::kRESTARTNOHAND);
  thread.restart.deadline = arguments.deadline;
  thread.restart.address = arguments.address;
  thread.restart.value[0] = arguments.value;
  thread.restart.value[1] = arguments.bits;
  thread.restart.value[2] = arguments.is_private ? 1 : 0;
  thread.restart.restart = [](Thread& again) -> Task<SysResult<i64>> {
    const Thread::RestartBlock& block = again.restart;
    return wait(again, {.address = block.address, .value = static_cast<u32>(block.value[0]), .bits = static_cast<u32>(block.value[1]),
                        .is_private = block.value[2] != 0, .relative = true, .deadline = block.deadline});
  };
  co_return fail(Errno::kRESTARTBLOCK);
}

}  // namespace

u32 futex_wake(Mm& mm, u64 address, u32 count) {
  const auto key = key_of(mm, address, false);
  return key ? FutexTable::wake(*key, count, kAnyBit) : 0;
}

SysResult<i64> sys_futex_fast(Thread& thread, u64 address, i32 operation, u32 value, u64 timeout, u64 address2, u32 value3) {
  const bool is_private = (operation & kPrivateFlag) != 0;
  const i32 command = operation & ~(kPrivateFlag | kRealtimeFlag);
  if ((operation & kRealtimeFlag) != 0 && command != kWaitBitset && command != kWait) return fail(Errno::kNOSYS);
  switch (command) {
    case kWait:
    case kWaitBitset: return fail(Errno::kNEEDASYNC);
    case kWake: return FutexTable::wake(TRY(key_of(thread.mm(), address, is_private)), value, kAnyBit);
    case kWakeBitset:
      if (value3 == 0) return fail(Errno::kINVAL);
      return FutexTable::wake(TRY(key_of(thread.mm(), address, is_private)), value, value3);
    case kRequeue: return requeue(thread, address, address2, static_cast<i32>(value), static_cast<i32>(timeout), nullptr, is_private);
    case kCompareRequeue: return requeue(thread, address, address2, static_cast<i32>(value), static_cast<i32>(timeout), &value3, is_private);
    case kWakeOp: return wake_op(thread, address, value, address2, static_cast<u32>(timeout), value3, is_private);
    default:
      if (!refusal_logged.exchange(true, std::memory_order_relaxed)) log_warning("futex: operation {} is not implemented", command);
      return fail(Errno::kNOSYS);
  }
}

Task<SysResult<i64>> sys_futex(Thread& thread, u64 address, i32 operation, u32 value, u64 timeout, u64, u32 value3) {
  const bool bitset = (operation & ~(kPrivateFlag | kRealtimeFlag)) == kWaitBitset;
  WaitArguments arguments{.address = address, .value = value, .bits = bitset ? value3 : kAnyBit, .is_private = (operation & kPrivateFlag) != 0};
  if (timeout != 0) {
    const u64 ns = CO_TRY(read_ns(thread.memory(), UserPtr<const KernelTimespec>{timeout}));
    arguments.relative = !bitset;
    arguments.realtime = bitset && (operation & kRealtimeFlag) != 0;
    arguments.deadline = bitset ? (ns >= kNsMax ? kNever : ns) : deadline_after(ns);
  }
  co_return co_await wait(thread, arguments);
}

}  // namespace hati::linux
