// SPDX-License-Identifier: MIT
// Owning handles: closed when the object goes. Each type has a fallible create() and the calls that belong to it. They are
// not thread-safe as C++ objects (the kernel objects behind them are).
#pragma once

#include <utility>

#include "runtime/call.h"

namespace hati {

class [[nodiscard]] OwnedHandle {
 public:
  constexpr OwnedHandle() = default;
  // Takes over the handle: nobody else closes it.
  constexpr explicit OwnedHandle(Handle handle) : handle_(handle) {}
  OwnedHandle(OwnedHandle&& other) noexcept : handle_(std::exchange(other.handle_, kNoHandle)) {}
  OwnedHandle& operator=(OwnedHandle&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, kNoHandle);
    }
    return *this;
  }
  ~OwnedHandle() { reset(); }

  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != kNoHandle; }
  [[nodiscard]] Handle release() { return std::exchange(handle_, kNoHandle); }
  void reset() {
    if (Handle handle = std::exchange(handle_, kNoHandle); handle != kNoHandle) (void)call::handle_close(handle);
  }
  // kNoRight without kDuplicate, or when `rights` has more than this handle.
  Result<OwnedHandle> duplicate(Rights rights = Rights::kAll) const { return duplicate_of(handle_, rights); }
  // The same of a handle that somebody else owns.
  static Result<OwnedHandle> duplicate_of(Handle handle, Rights rights = Rights::kAll) {
    if (rights == Rights::kAll) rights = TRY(info_of(handle)).rights;
    return OwnedHandle(TRY(call::handle_duplicate(handle, rights)));
  }
  Result<HandleInfo> info() const { return info_of(handle_); }

 private:
  static Result<HandleInfo> info_of(Handle handle) {
    HandleInfo result{};
    TRY(call::handle_info(handle, result));
    return result;
  }

  Handle handle_ = kNoHandle;
};

// A part of the caller's own address space, unmapped at the end.
class [[nodiscard]] Mapping {
 public:
  Mapping() = default;
  // Takes over [address, address + bytes) of the own space.
  Mapping(u64 address, u64 bytes) : address_(address), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept : address_(std::exchange(other.address_, 0)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping() {
    if (bytes_ != 0) (void)call::space_unmap(kOwnSpace, address_, bytes_);
  }

  u64 address() const { return address_; }
  u64 bytes() const { return bytes_; }
  template <class T = std::byte>
  T* as() const {
    return reinterpret_cast<T*>(address_);
  }
  std::span<std::byte> span() const { return {as<>(), bytes_}; }
  explicit operator bool() const { return bytes_ != 0; }

 private:
  u64 address_ = 0;
  u64 bytes_ = 0;
};

// The right to pin memory for a device.
class Dma : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<Dma> create(Handle resource) { return Dma(TRY(call::dma_create(resource))); }
};

class Memory : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<Memory> create(u64 bytes) { return Memory(TRY(call::memory_create(page_ceil(bytes)))); }
  static Result<Memory> physical(Handle resource, u64 address, u64 bytes, CacheMode mode) {
    return Memory(TRY(call::memory_physical(resource, address, bytes, mode)));
  }
  Result<MemoryInfo> memory_info() const {
    MemoryInfo result{};
    TRY(call::memory_info(get(), result));
    return result;
  }
  Result<void> resize(u64 bytes) const { return call::memory_resize(get(), bytes); }
  Result<void> discard(u64 offset, u64 bytes) const { return call::memory_discard(get(), offset, bytes); }
  // For paged memory; others ignore it.
  Result<void> advise(MemoryAdvice advice, u64 offset = 0, u64 bytes = 0) const { return call::memory_advise(get(), advice, offset, bytes); }
  // Fewer bytes than asked for at the end and where a page of paged memory is missing; kNotResident: the first one is (page_in(), again).
  Result<usize> read(u64 offset, std::span<std::byte> to) const {
    return call::copy(kOwnSpace, reinterpret_cast<u64>(to.data()), get(), offset, to.size());
  }
  Result<usize> write(u64 offset, std::span<const std::byte> from) const {
    return call::copy(get(), offset, kOwnSpace, reinterpret_cast<u64>(from.data()), from.size());
  }
  // Where the bytes are, in order; they stay there until unpin() with the same range. See Call::kMemoryPin.
  Result<std::span<DmaRange>> pin(const Dma& dma, u64 offset, u64 bytes, bool write, std::span<DmaRange> ranges) const {
    const PinRequest request{.offset = offset, .bytes = bytes, .ranges = reinterpret_cast<u64>(ranges.data()),
                             .capacity = static_cast<u32>(ranges.size()), .write = write};
    return ranges.first(TRY(call::memory_pin(get(), dma.get(), request)));
  }
  Result<void> unpin(u64 offset, u64 bytes) const { return call::memory_unpin(get(), offset, bytes); }
  // Maps [offset, offset + bytes) shared into the caller's space; offset page aligned.
  Result<Mapping> map(u64 offset, u64 bytes, Protection protection) const {
    const MapRequest request{.bytes = page_ceil(bytes), .protection = protection, .flags = MapFlags::kShared, .memory = get(),
                             .max_protection = static_cast<u32>(protection), .offset = offset};
    return Mapping(TRY(call::space_map(kOwnSpace, request)), page_ceil(bytes));
  }
};

// Receives the requests of its paged objects: `co_await pager_wait(pager.get())`. When the last handle goes, nothing is brought any more.
class Pager : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<Pager> create() { return Pager(TRY(call::pager_create())); }
};

// The pager's handle to a Memory object that it fills and cleans. Clients get a client().
class PagedMemory : public Memory {
 public:
  using Memory::Memory;
  // Rights of a client: everything but what the pager does.
  static constexpr Rights kClientRights = Rights::kAll & ~(Rights::kManage | Rights::kResize);
  // `key` comes back with every request.
  static Result<PagedMemory> create(const Pager& pager, u64 bytes, u64 key) {
    return PagedMemory(TRY(call::memory_create_paged({.pager = pager.get(), .reserved = 0, .bytes = page_ceil(bytes), .key = key})));
  }
  Result<Memory> client(Rights rights = kClientRights) const { return Memory(TRY(call::handle_duplicate(get(), rights & kClientRights))); }
  // Pages of a request are filled, or cannot be.
  Result<void> page_in_done(u64 offset, u64 bytes) const { return call::memory_page_in_done(get(), offset, bytes, 0); }
  Result<void> page_in_failed(u64 offset, u64 bytes, Error error) const {
    return call::memory_page_in_done(get(), offset, bytes, static_cast<u32>(error));
  }
  // The next run of dirty pages, which are being cleaned from now on. kNotFound: none; kBusy: only such as are being cleaned already.
  Result<DirtyRange> take_dirty(u64 from = 0) const {
    DirtyRange range{};
    TRY(call::memory_take_dirty(get(), from, range));
    return range;
  }
  Result<void> cleaned(const DirtyRange& range) const { return call::memory_cleaned(get(), range.offset, range.bytes, 0); }
  Result<void> not_cleaned(const DirtyRange& range, Error error) const {
    return call::memory_cleaned(get(), range.offset, range.bytes, static_cast<u32>(error));
  }
};

// One end of a channel. Sending and receiving are ring operations: runtime/operation.h, typed: runtime/rpc.h.
class Channel : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<std::pair<Channel, Channel>> create() {
    const auto ends = TRY(call::channel_create());
    return std::pair(Channel(ends[0]), Channel(ends[1]));
  }
  Result<void> reply(u64 transaction, std::span<const std::byte> bytes, std::span<const Handle> handles = {}) const {
    return call::channel_reply(get(), transaction, bytes, handles);
  }
};

// A counter in the kernel that rings can wait for: `co_await event_wait(event.get())`.
class KernelEvent : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<KernelEvent> create() { return KernelEvent(TRY(call::event_create())); }
  Result<void> signal(u64 count = 1) const { return call::event_signal(get(), count); }
};

class Interrupt : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<Interrupt> create(Handle resource, u32 gsi, InterruptFlags flags) {
    return Interrupt(TRY(call::interrupt_create(resource, gsi, flags)));
  }
  // `request`: see MessageInterrupt.
  static Result<Interrupt> create_message(Handle resource, MessageInterrupt& request) {
    return Interrupt(TRY(call::interrupt_create_message(resource, request)));
  }
  Result<void> acknowledge() const { return call::interrupt_acknowledge(get()); }
};

class PortRange : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<PortRange> create(Handle resource, u16 first, u32 count) {
    return PortRange(TRY(call::port_range_create(resource, first, count)));
  }
  Result<u8> read8(u32 offset) const { return static_cast<u8>(TRY(call::port_read(get(), offset, 1))); }
  Result<void> write8(u32 offset, u8 value) const { return call::port_write(get(), offset, 1, value); }
};

// An address space with its handle table: a process. It ends with the last handle to it, by terminate(), or by itself.
class Space : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<Space> create(SpaceFlags flags) { return Space(TRY(call::space_create(flags))); }
  Result<u64> map(const MapRequest& request) const { return call::space_map(get(), request); }
  Result<void> unmap(u64 address, u64 bytes) const { return call::space_unmap(get(), address, bytes); }
  Result<void> protect(u64 address, u64 bytes, Protection p) const { return call::space_protect(get(), address, bytes, p); }
  Result<u64> move(const MoveRequest& request) const { return call::space_move(get(), request); }
  Result<void> discard(u64 address, u64 bytes) const { return call::space_discard(get(), address, bytes); }
  Result<void> clone_into(const Space& target) const { return call::space_clone(get(), target.get()); }
  Result<void> clear() const { return call::space_clear(get()); }
  Result<MappingInfo> query(u64 address) const {
    MappingInfo result{};
    TRY(call::space_query(get(), address, result));
    return result;
  }
  Result<void> populate(u64 address, u64 bytes, PopulateFlags flags) const { return call::space_populate(get(), address, bytes, flags); }
  Result<SpaceInfo> space_info() const {
    SpaceInfo result{};
    TRY(call::space_info(get(), result));
    return result;
  }
  Result<void> set_limit(SpaceLimit limit, u64 value) const { return call::space_set_limit(get(), limit, value); }
  Result<void> terminate(i32 code) const { return call::space_terminate(get(), code); }
  // Gives the process a handle with these rights (kTransfer needed on `h`); the number it has there.
  Result<Handle> give(Handle h, Rights rights) const { return call::handle_give(get(), h, rights); }
  // Copies out of / into the space; fewer bytes than asked if it meets a bad address, kBadAddress if that is the first.
  Result<usize> read(u64 from, std::span<std::byte> to) const {
    return call::copy(kOwnSpace, reinterpret_cast<u64>(to.data()), get(), from, to.size());
  }
  Result<usize> write(u64 to, std::span<const std::byte> from) const {
    return call::copy(get(), to, kOwnSpace, reinterpret_cast<u64>(from.data()), from.size());
  }
  Result<u32> compare_exchange(u64 address, u32 expected, u32 desired) const { return call::compare_exchange(get(), address, expected, desired); }
};

class ThreadHandle : public OwnedHandle {
 public:
  using OwnedHandle::OwnedHandle;
  static Result<ThreadHandle> create(Handle space, ThreadRequest& request) { return ThreadHandle(TRY(call::thread_create(space, request))); }
  Result<void> start() const { return call::thread_start(get()); }
  Result<void> kill(i32 code) const { return call::thread_kill(get(), code); }
  Result<void> interrupt() const { return call::thread_interrupt(get()); }
  Result<void> control(ThreadProperty property, u64 value) const { return call::thread_control(get(), property, value); }
  Result<void> sync_state() const { return call::thread_sync_state(get()); }
  Result<ThreadInfo> thread_info() const {
    ThreadInfo result{};
    TRY(call::thread_info(get(), result));
    return result;
  }
  Result<ThreadState> read_state() const {
    ThreadState result{};
    TRY(call::thread_read_state(get(), result));
    return result;
  }
};

}  // namespace hati
