// SPDX-License-Identifier: MIT
// Typed wrappers of every native call: same order, arguments and errors as abi/call.h, results as Result<T>. They own
// nothing; runtime/handle.h has the owning objects.
#pragma once

#include <array>
#include <bit>
#include <span>
#include <string_view>

#include "abi/call.h"
#include "abi/ring.h"
#include "base/result.h"
#include "runtime/backend.h"

namespace hati::call {

namespace detail {

// What an argument becomes in a register.
template <class T>
constexpr u64 raw(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<u64>(value);
  } else {
    return static_cast<u64>(value);
  }
}

template <class T, class... Args>
[[gnu::always_inline]] inline Result<T> invoke(Call number, Args... args) {
  const i64 result = native_call(number, raw(args)...);
  if (result < 0) [[unlikely]]
    return fail(static_cast<Error>(-result));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return static_cast<T>(result);
  }
}

}  // namespace detail

using detail::invoke;

inline Result<void> null() { return invoke<void>(Call::kNull); }
inline Result<void> log_write(LogLevel level, std::string_view line) {
  return invoke<void>(Call::kLogWrite, level, line.data(), line.size());
}
inline Result<usize> log_read(Handle resource, std::span<char> buffer, u64 sequence) {
  return invoke<usize>(Call::kLogRead, resource, buffer.data(), buffer.size(), sequence);
}
inline Result<u64> clock_read(Clock clock) { return invoke<u64>(Call::kClockRead, clock); }
inline Result<void> entropy(std::span<u8> buffer) { return invoke<void>(Call::kEntropy, buffer.data(), buffer.size()); }
inline Result<void> system_info(SystemInfo& info) { return invoke<void>(Call::kSystemInfo, &info); }
inline Result<void> power(Handle resource, PowerAction action, u32 code) { return invoke<void>(Call::kPower, resource, action, code); }

inline Result<void> handle_close(Handle h) { return invoke<void>(Call::kHandleClose, h); }
inline Result<Handle> handle_duplicate(Handle h, Rights rights) { return invoke<Handle>(Call::kHandleDuplicate, h, rights); }
inline Result<void> handle_info(Handle h, HandleInfo& info) { return invoke<void>(Call::kHandleInfo, h, &info); }
inline Result<Handle> handle_give(Handle space, Handle h, Rights rights) { return invoke<Handle>(Call::kHandleGive, space, h, rights); }

inline Result<Handle> space_create(SpaceFlags flags) { return invoke<Handle>(Call::kSpaceCreate, flags); }
inline Result<u64> space_map(Handle space, const MapRequest& request) { return invoke<u64>(Call::kSpaceMap, space, &request); }
inline Result<void> space_unmap(Handle space, u64 address, u64 bytes) { return invoke<void>(Call::kSpaceUnmap, space, address, bytes); }
inline Result<void> space_protect(Handle space, u64 address, u64 bytes, Protection protection) {
  return invoke<void>(Call::kSpaceProtect, space, address, bytes, protection);
}
inline Result<u64> space_move(Handle space, const MoveRequest& request) { return invoke<u64>(Call::kSpaceMove, space, &request); }
inline Result<void> space_discard(Handle space, u64 address, u64 bytes) { return invoke<void>(Call::kSpaceDiscard, space, address, bytes); }
inline Result<void> space_clone(Handle source, Handle target) { return invoke<void>(Call::kSpaceClone, source, target); }
inline Result<void> space_clear(Handle space) { return invoke<void>(Call::kSpaceClear, space); }
inline Result<void> space_query(Handle space, u64 address, MappingInfo& info) {
  return invoke<void>(Call::kSpaceQuery, space, address, &info);
}
inline Result<void> space_populate(Handle space, u64 address, u64 bytes, PopulateFlags flags) {
  return invoke<void>(Call::kSpacePopulate, space, address, bytes, flags);
}
inline Result<void> space_info(Handle space, SpaceInfo& info) { return invoke<void>(Call::kSpaceInfo, space, &info); }
inline Result<void> space_terminate(Handle space, i32 code) { return invoke<void>(Call::kSpaceTerminate, space, static_cast<u32>(code)); }
inline Result<u64> space_residency(Handle space, u64 address, u8* pages, u64 count) {
  return invoke<u64>(Call::kSpaceResidency, space, address, pages, count);
}
inline Result<void> space_read_crash(Handle space, CrashReport& report) { return invoke<void>(Call::kSpaceReadCrash, space, &report); }
// Bytes moved, which may be fewer than asked for.
inline Result<usize> space_inspect(Handle space, u64 address, void* buffer, usize bytes, SpaceInspect what) {
  return invoke<usize>(Call::kSpaceInspect, space, address, buffer, bytes, what);
}
inline Result<void> space_set_trap_ring(Handle ring, u32 cpu) { return invoke<void>(Call::kSpaceSetTrapRing, ring, cpu); }
inline Result<void> space_set_limit(Handle space, SpaceLimit limit, u64 value) {
  return invoke<void>(Call::kSpaceSetLimit, space, limit, value);
}

// Bytes copied, which may be fewer than asked for: see Call::kCopy.
inline Result<usize> copy(Handle destination, u64 to, Handle source, u64 from, usize bytes) {
  return invoke<usize>(Call::kCopy, destination, to, source, from, bytes);
}
inline Result<u32> compare_exchange(Handle space, u64 address, u32 expected, u32 desired) {
  return invoke<u32>(Call::kCompareExchange, space, address, expected, desired);
}

inline Result<Handle> memory_create(u64 bytes, MemoryFlags flags = MemoryFlags::kNone) {
  return invoke<Handle>(Call::kMemoryCreate, bytes, flags);
}
inline Result<Handle> memory_physical(Handle resource, u64 address, u64 bytes, CacheMode mode) {
  return invoke<Handle>(Call::kMemoryPhysical, resource, address, bytes, mode);
}
inline Result<void> memory_resize(Handle h, u64 bytes) { return invoke<void>(Call::kMemoryResize, h, bytes); }
inline Result<void> memory_discard(Handle h, u64 offset, u64 bytes) { return invoke<void>(Call::kMemoryDiscard, h, offset, bytes); }
inline Result<void> memory_info(Handle h, MemoryInfo& info) { return invoke<void>(Call::kMemoryInfo, h, &info); }
inline Result<Handle> dma_create(Handle resource) { return invoke<Handle>(Call::kDmaCreate, resource); }
// The number of ranges.
inline Result<u32> memory_pin(Handle h, Handle dma, const PinRequest& request) { return invoke<u32>(Call::kMemoryPin, h, dma, &request); }
inline Result<void> memory_unpin(Handle h, u64 offset, u64 bytes) { return invoke<void>(Call::kMemoryUnpin, h, offset, bytes); }

inline Result<Handle> pager_create() { return invoke<Handle>(Call::kPagerCreate); }
inline Result<Handle> memory_create_paged(const PagedMemoryRequest& request) { return invoke<Handle>(Call::kMemoryCreatePaged, &request); }
inline Result<void> memory_page_in_done(Handle h, u64 offset, u64 bytes, u32 error) {
  return invoke<void>(Call::kMemoryPageInDone, h, offset, bytes, error);
}
inline Result<void> memory_take_dirty(Handle h, u64 from, DirtyRange& range) {
  return invoke<void>(Call::kMemoryTakeDirty, h, from, &range);
}
inline Result<void> memory_cleaned(Handle h, u64 offset, u64 bytes, u32 error) {
  return invoke<void>(Call::kMemoryCleaned, h, offset, bytes, error);
}
inline Result<void> memory_advise(Handle h, MemoryAdvice advice, u64 offset = 0, u64 bytes = 0) {
  return invoke<void>(Call::kMemoryAdvise, h, advice, offset, bytes);
}

enum class Seek : u32 { kData, kHole };
inline Result<u64> memory_seek(Handle h, u64 offset, Seek what) { return invoke<u64>(Call::kMemorySeek, h, offset, what); }

inline Result<Handle> thread_create(Handle space, ThreadRequest& request) { return invoke<Handle>(Call::kThreadCreate, space, &request); }
inline Result<void> thread_start(Handle h) { return invoke<void>(Call::kThreadStart, h); }
inline Result<void> thread_exit(i32 code) { return invoke<void>(Call::kThreadExit, static_cast<u32>(code)); }
inline Result<void> thread_kill(Handle h, i32 code) { return invoke<void>(Call::kThreadKill, h, static_cast<u32>(code)); }
inline Result<void> thread_interrupt(Handle h) { return invoke<void>(Call::kThreadInterrupt, h); }
inline Result<void> thread_control(Handle h, ThreadProperty property, u64 value) {
  return invoke<void>(Call::kThreadControl, h, property, value);
}
inline Result<void> thread_info(Handle h, ThreadInfo& info) { return invoke<void>(Call::kThreadInfo, h, &info); }
inline Result<void> thread_read_state(Handle h, ThreadState& state) { return invoke<void>(Call::kThreadReadState, h, &state); }
inline Result<void> thread_sync_state(Handle h) { return invoke<void>(Call::kThreadSyncState, h); }
inline Result<void> thread_set_call_entry(u64 address) { return invoke<void>(Call::kThreadSetCallEntry, address); }
inline void thread_yield() { native_call(Call::kThreadYield); }

inline Result<Handle> ring_create(RingRequest& request) { return invoke<Handle>(Call::kRingCreate, &request); }
inline Result<u32> ring_enter(Handle ring, u32 submit, u32 wait, u64 deadline_ns) {
  return invoke<u32>(Call::kRingEnter, ring, submit, wait, deadline_ns);
}

inline Result<std::array<Handle, 2>> channel_create() {
  std::array<Handle, 2> ends{};
  if (auto made = invoke<void>(Call::kChannelCreate, ends.data()); !made) return fail(made.error());
  return ends;
}
inline Result<void> channel_reply(Handle h, u64 transaction, std::span<const std::byte> bytes, std::span<const Handle> handles = {}) {
  return invoke<void>(Call::kChannelReply, h, transaction, bytes.data(), bytes.size(), handles.data(), handles.size());
}
inline Result<Handle> event_create() { return invoke<Handle>(Call::kEventCreate); }
inline Result<void> event_signal(Handle h, u64 count) { return invoke<void>(Call::kEventSignal, h, count); }
inline Result<Handle> interrupt_create(Handle resource, u32 gsi, InterruptFlags flags) {
  return invoke<Handle>(Call::kInterruptCreate, resource, gsi, flags);
}
inline Result<Handle> interrupt_create_message(Handle resource, MessageInterrupt& request) {
  return invoke<Handle>(Call::kInterruptCreateMessage, resource, &request);
}
inline Result<void> platform_info(Handle resource, PlatformInfo& info) { return invoke<void>(Call::kPlatformInfo, resource, &info); }
inline Result<void> interrupt_acknowledge(Handle h) { return invoke<void>(Call::kInterruptAcknowledge, h); }
inline Result<Handle> port_range_create(Handle resource, u16 first, u32 count) {
  return invoke<Handle>(Call::kPortRangeCreate, resource, first, count);
}
inline Result<u32> port_read(Handle h, u32 offset, u32 width) { return invoke<u32>(Call::kPortRead, h, offset, width); }
inline Result<void> port_write(Handle h, u32 offset, u32 width, u32 value) {
  return invoke<void>(Call::kPortWrite, h, offset, width, value);
}

}  // namespace hati::call
