// SPDX-License-Identifier: MIT
// The one table of native calls. Handlers are grouped by object family, one file each; arguments, results and errors are documented in
// abi/call.h. kRingEnter and kThreadExit, which may not return to the caller, are carried out by the dispatcher (call.cpp).
#pragma once

#include "kernel/call/call.h"

namespace hati {

struct CallEntry {
  const char* name;
  CallThunk thunk;
};

// system.cpp
Result<> call_null(Caller&);
Result<> call_log_write(Caller&, LogLevel level, u64 text, u64 bytes);
Result<u64> call_log_read(Caller&, Handle resource, u64 buffer, u64 bytes, u64 sequence);
Result<u64> call_clock_read(Caller&, Clock clock);
Result<> call_entropy(Caller&, u64 buffer, u64 bytes);
Result<> call_system_info(Caller&, UserOut<SystemInfo> out);
Result<> call_platform_info(Caller&, Handle resource, UserOut<PlatformInfo> out);
Result<> call_power(Caller&, Handle resource, PowerAction action, u32 code);
// handle.cpp
Result<> call_handle_close(Caller&, Handle handle);
Result<u64> call_handle_duplicate(Caller&, Handle handle, Rights rights);
Result<> call_handle_info(Caller&, Handle handle, UserOut<HandleInfo> out);
Result<u64> call_handle_give(Caller&, Handle space, Handle handle, Rights rights);
// space.cpp
Result<u64> call_space_create(Caller&, SpaceFlags flags);
Result<u64> call_space_map(Caller&, Handle space, UserIn<MapRequest> request);
Result<> call_space_unmap(Caller&, Handle space, u64 address, u64 bytes);
Result<> call_space_protect(Caller&, Handle space, u64 address, u64 bytes, Protection protection);
Result<u64> call_space_move(Caller&, Handle space, UserIn<MoveRequest> request);
Result<> call_space_discard(Caller&, Handle space, u64 address, u64 bytes);
Result<> call_space_clone(Caller&, Handle source, Handle target);
Result<> call_space_clear(Caller&, Handle space);
Result<> call_space_query(Caller&, Handle space, u64 address, UserOut<MappingInfo> out);
Result<> call_space_populate(Caller&, Handle space, u64 address, u64 bytes, PopulateFlags flags);
Result<> call_space_info(Caller&, Handle space, UserOut<SpaceInfo> out);
Result<> call_space_terminate(Caller&, Handle space, i32 exit_code);
Result<> call_space_set_trap_ring(Caller&, Handle ring, u32 cpu);
Result<> call_space_set_limit(Caller&, Handle space, SpaceLimit limit, u64 value);
Result<> call_space_read_crash(Caller&, Handle space, UserOut<CrashReport> out);
Result<u64> call_space_inspect(Caller&, Handle space, u64 address, u64 buffer, u64 bytes, SpaceInspect what);
Result<u64> call_space_residency(Caller&, Handle space, u64 address, u64 pages, u64 count);
Result<u64> call_copy(Caller&, Handle to, u64 to_address, Handle from, u64 from_address, u64 bytes);
Result<u64> call_compare_exchange(Caller&, Handle space, u64 address, u32 expected, u32 desired);
// memory.cpp
Result<u64> call_memory_create(Caller&, u64 bytes, MemoryFlags flags);
Result<u64> call_memory_physical(Caller&, Handle resource, u64 address, u64 bytes, CacheMode mode);
Result<> call_memory_resize(Caller&, Handle memory, u64 bytes);
Result<> call_memory_discard(Caller&, Handle memory, u64 offset, u64 bytes);
Result<> call_memory_info(Caller&, Handle memory, UserOut<MemoryInfo> out);
Result<u64> call_memory_seek(Caller&, Handle memory, u64 offset, u32 what);
Result<u64> call_dma_create(Caller&, Handle resource);
Result<u64> call_memory_pin(Caller&, Handle memory, Handle dma, UserIn<PinRequest> request);
Result<> call_memory_unpin(Caller&, Handle memory, u64 offset, u64 bytes);
// pager.cpp
Result<u64> call_pager_create(Caller&);
Result<u64> call_memory_create_paged(Caller&, UserIn<PagedMemoryRequest> request);
Result<> call_memory_page_in_done(Caller&, Handle memory, u64 offset, u64 bytes, u32 error);
Result<> call_memory_take_dirty(Caller&, Handle memory, u64 from, UserOut<DirtyRange> out);
Result<> call_memory_cleaned(Caller&, Handle memory, u64 offset, u64 bytes, u32 error);
Result<> call_memory_advise(Caller&, Handle memory, MemoryAdvice advice, u64 offset, u64 bytes);
// thread.cpp
Result<u64> call_thread_create(Caller&, Handle space, UserInOut<ThreadRequest> request);
Result<> call_thread_start(Caller&, Handle thread);
Result<> call_thread_exit(Caller&, i32 exit_code);
Result<> call_thread_kill(Caller&, Handle thread, i32 exit_code);
Result<> call_thread_interrupt(Caller&, Handle thread);
Result<> call_thread_control(Caller&, Handle thread, ThreadProperty property, u64 value);
Result<> call_thread_info(Caller&, Handle thread, UserOut<ThreadInfo> out);
Result<> call_thread_read_state(Caller&, Handle thread, UserOut<ThreadState> out);
Result<> call_thread_sync_state(Caller&, Handle thread);
Result<> call_thread_set_call_entry(Caller&, u64 address);
Result<> call_thread_yield(Caller&);
// ipc.cpp
Result<u64> call_ring_create(Caller&, UserInOut<RingRequest> request);
Result<> call_channel_create(Caller&, UserOut<std::array<Handle, 2>> out);
Result<> call_channel_reply(Caller&, Handle channel, u64 transaction, u64 bytes, u64 byte_count, u64 handles, u64 handle_count);
Result<u64> call_event_create(Caller&);
Result<> call_event_signal(Caller&, Handle event, u64 count);
Result<u64> call_interrupt_create(Caller&, Handle resource, u32 gsi, InterruptFlags flags);
Result<> call_interrupt_acknowledge(Caller&, Handle interrupt);
Result<u64> call_interrupt_create_message(Caller&, Handle resource, UserInOut<MessageInterrupt> request);
Result<u64> call_port_range_create(Caller&, Handle resource, u64 first, u64 count);
Result<u64> call_port_read(Caller&, Handle range, u64 offset, u64 width);
Result<> call_port_write(Caller&, Handle range, u64 offset, u64 width, u64 value);

#define HATI_CALL(handler) {#handler, &Thunk<&handler>::call}
inline constexpr std::array<CallEntry, kCallCount> kCallTable = {{
    HATI_CALL(call_null),
    HATI_CALL(call_log_write),
    HATI_CALL(call_log_read),
    HATI_CALL(call_clock_read),
    HATI_CALL(call_entropy),
    HATI_CALL(call_system_info),
    HATI_CALL(call_power),
    HATI_CALL(call_handle_close),
    HATI_CALL(call_handle_duplicate),
    HATI_CALL(call_handle_info),
    HATI_CALL(call_handle_give),
    HATI_CALL(call_space_create),
    HATI_CALL(call_space_map),
    HATI_CALL(call_space_unmap),
    HATI_CALL(call_space_protect),
    HATI_CALL(call_space_move),
    HATI_CALL(call_space_discard),
    HATI_CALL(call_space_clone),
    HATI_CALL(call_space_clear),
    HATI_CALL(call_space_query),
    HATI_CALL(call_space_populate),
    HATI_CALL(call_space_info),
    HATI_CALL(call_space_terminate),
    HATI_CALL(call_space_set_trap_ring),
    HATI_CALL(call_space_set_limit),
    HATI_CALL(call_copy),
    HATI_CALL(call_compare_exchange),
    HATI_CALL(call_memory_create),
    HATI_CALL(call_memory_physical),
    HATI_CALL(call_memory_resize),
    HATI_CALL(call_memory_discard),
    HATI_CALL(call_memory_info),
    HATI_CALL(call_memory_seek),
    HATI_CALL(call_thread_create),
    HATI_CALL(call_thread_start),
    HATI_CALL(call_thread_exit),
    HATI_CALL(call_thread_kill),
    HATI_CALL(call_thread_interrupt),
    HATI_CALL(call_thread_control),
    HATI_CALL(call_thread_info),
    HATI_CALL(call_thread_read_state),
    HATI_CALL(call_thread_sync_state),
    HATI_CALL(call_thread_set_call_entry),
    HATI_CALL(call_thread_yield),
    HATI_CALL(call_ring_create),
    {"call_ring_enter", nullptr},
    HATI_CALL(call_channel_create),
    HATI_CALL(call_channel_reply),
    HATI_CALL(call_event_create),
    HATI_CALL(call_event_signal),
    HATI_CALL(call_interrupt_create),
    HATI_CALL(call_interrupt_acknowledge),
    HATI_CALL(call_port_range_create),
    HATI_CALL(call_port_read),
    HATI_CALL(call_port_write),
    HATI_CALL(call_space_read_crash),
    HATI_CALL(call_space_inspect),
    HATI_CALL(call_space_residency),
    HATI_CALL(call_dma_create),
    HATI_CALL(call_memory_pin),
    HATI_CALL(call_memory_unpin),
    HATI_CALL(call_pager_create),
    HATI_CALL(call_memory_create_paged),
    HATI_CALL(call_memory_page_in_done),
    HATI_CALL(call_memory_take_dirty),
    HATI_CALL(call_memory_cleaned),
    HATI_CALL(call_memory_advise),
    HATI_CALL(call_interrupt_create_message),
    HATI_CALL(call_platform_info),
}};
#undef HATI_CALL

// The entry of a call must stand at its number.
consteval bool stands_at(Call call, const char* name) {
  const char* entry = kCallTable[static_cast<u64>(call) - kCallBase].name;
  while (*entry != 0 && *entry == *name) ++entry, ++name;
  return *entry == *name;
}
static_assert(stands_at(Call::kNull, "call_null") && stands_at(Call::kHandleClose, "call_handle_close"));
static_assert(stands_at(Call::kSpaceCreate, "call_space_create") && stands_at(Call::kSpaceSetLimit, "call_space_set_limit"));
static_assert(stands_at(Call::kCopy, "call_copy") && stands_at(Call::kMemorySeek, "call_memory_seek"));
static_assert(stands_at(Call::kThreadCreate, "call_thread_create") && stands_at(Call::kThreadYield, "call_thread_yield"));
static_assert(stands_at(Call::kRingEnter, "call_ring_enter") && stands_at(Call::kEventSignal, "call_event_signal"));
static_assert(stands_at(Call::kPortWrite, "call_port_write") && stands_at(Call::kSpaceReadCrash, "call_space_read_crash"));
static_assert(stands_at(Call::kSpaceInspect, "call_space_inspect") && stands_at(Call::kSpaceResidency, "call_space_residency"));
static_assert(stands_at(Call::kDmaCreate, "call_dma_create") && stands_at(Call::kMemoryUnpin, "call_memory_unpin"));
static_assert(stands_at(Call::kPagerCreate, "call_pager_create") && stands_at(Call::kMemoryAdvise, "call_memory_advise"));
static_assert(stands_at(Call::kInterruptCreateMessage, "call_interrupt_create_message") &&
              stands_at(Call::kPlatformInfo, "call_platform_info"));

// Every call of a native thread but kRingEnter: carries the call out and gives the thread to leave the kernel with.
Thread* dispatch_call(Cpu& cpu, Thread& thread);

}  // namespace hati
