// SPDX-License-Identifier: MIT
// The in-process kernel's calls: handles, memory, ports, interrupts, the clock, the log.
#include "hosted/kernel.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace hati::hosted {

Kernel& kernel() {
  static Kernel instance;
  return instance;
}

u64 Kernel::now() const {
  if (virtual_time) return time;
  return static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

Handle Kernel::insert(std::shared_ptr<Object> object, Rights rights) {
  if (object->koid == 0) object->koid = next_koid++;
  ++object->handles;
  const Handle handle = next_handle++;
  table.emplace(handle, Entry{std::move(object), rights});
  return handle;
}

Result<void> Kernel::close(Handle handle) {
  auto node = table.extract(handle);
  if (node.empty()) return fail(Error::kBadHandle);
  const auto object = node.mapped().object;
  if (--object->handles == 0) object->on_last_handle();
  return {};
}

MemoryObject::~MemoryObject() {
  if (data != nullptr) munmap(data, mapped);
}

namespace {

i64 failure(Error error) { return -static_cast<i64>(error); }
template <class T>
i64 to_raw(const Result<T>& result) {
  if (!result) return failure(result.error());
  if constexpr (std::is_void_v<T>) {
    return 0;
  } else {
    return static_cast<i64>(*result);
  }
}

Result<std::shared_ptr<MemoryObject>> make_memory(u64 bytes) {
  if (bytes == 0 || !page_aligned(bytes)) return fail(Error::kInvalidArgument);
  auto memory = std::make_shared<MemoryObject>();
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return fail(Error::kNoMemory);
  memory->data = data;
  memory->bytes = memory->mapped = bytes;
  return memory;
}

// A memory that grows may move: nothing may have it mapped then.
Result<void> memory_resize(MemoryObject& memory, u64 bytes) {
  if (!page_aligned(bytes)) return fail(Error::kInvalidArgument);
  if (bytes > memory.mapped) {
    if (!memory.pins.empty()) return fail(Error::kBusy);
    void* data = mremap(memory.data, memory.mapped, bytes, MREMAP_MAYMOVE);
    if (data == MAP_FAILED) return fail(Error::kNoMemory);
    memory.data = data;
    memory.mapped = bytes;
  } else if (bytes < memory.bytes) {
    madvise(static_cast<std::byte*>(memory.data) + bytes, memory.mapped - bytes, MADV_DONTNEED);
  }
  memory.bytes = bytes;
  if (memory.paged) paged_resized(memory);
  return {};
}

Result<void> memory_discard(MemoryObject& memory, u64 offset, u64 bytes) {
  if (!page_aligned(offset) || !page_aligned(bytes) || offset > memory.bytes || bytes > memory.bytes - offset) return fail(Error::kInvalidArgument);
  if (bytes > 0) madvise(static_cast<std::byte*>(memory.data) + offset, bytes, MADV_DONTNEED);
  if (memory.paged) paged_discarded(memory, offset, bytes);
  return {};
}

// A device model of the host reaches memory by its address in this process.
Result<u64> memory_pin(MemoryObject& memory, const PinRequest& request) {
  if (request.bytes == 0 || request.write > 1) return fail(Error::kInvalidArgument);
  if (request.bytes > kPinBytesMax || request.capacity == 0) return fail(Error::kTooBig);
  if (request.offset > memory.bytes || request.bytes > memory.bytes - request.offset) return fail(Error::kBadAddress);
  *reinterpret_cast<DmaRange*>(request.ranges) = {reinterpret_cast<u64>(memory.data) + request.offset, request.bytes};
  memory.pins.emplace(request.offset, request.bytes);
  return 1;
}

Result<void> memory_unpin(MemoryObject& memory, u64 offset, u64 bytes) {
  auto [it, end] = memory.pins.equal_range(offset);
  while (it != end && it->second != bytes) ++it;
  if (it == end) return fail(Error::kNotFound);
  memory.pins.erase(it);
  return {};
}

// The size and the holes of a file are its pager's business.
Result<std::shared_ptr<MemoryObject>> get_resizable(Handle handle) {
  auto memory = TRY(kernel().get<MemoryObject>(handle, Rights::kResize));
  if (memory->paged) TRY(kernel().get<MemoryObject>(handle, Rights::kManage));
  return memory;
}

i64 pin_call(Call number, u64 a0, u64 a1, u64 a2) {
  Kernel& k = kernel();
  const auto handle = static_cast<Handle>(a0);
  if (number == Call::kDmaCreate) {
    const auto resource = k.get<ResourceObject>(handle, Rights::kManage);
    return resource ? static_cast<i64>(k.insert(std::make_shared<DmaObject>())) : failure(resource.error());
  }
  if (number == Call::kMemoryUnpin) {
    const auto memory = k.get<MemoryObject>(handle, Rights::kRead);
    return memory ? to_raw(memory_unpin(**memory, a1, a2)) : failure(memory.error());
  }
  const auto dma = k.get<DmaObject>(static_cast<Handle>(a1), Rights::kManage);
  if (!dma) return failure(dma.error());
  const auto& request = *reinterpret_cast<const PinRequest*>(a2);
  const auto memory = k.get<MemoryObject>(handle, request.write != 0 ? Rights::kRead | Rights::kWrite : Rights::kRead);
  return memory ? to_raw(memory_pin(**memory, request)) : failure(memory.error());
}

i64 paged_call(Call number, u64 a0, u64 a1, u64 a2, u64 a3) {
  const auto handle = static_cast<Handle>(a0);
  switch (number) {
    case Call::kPagerCreate: return static_cast<i64>(kernel().insert(std::make_shared<PagerObject>()));
    case Call::kMemoryCreatePaged: {
      const auto& request = *reinterpret_cast<const PagedMemoryRequest*>(a0);
      auto memory = make_memory(std::max(page_ceil(request.bytes), kPageSize));
      if (!memory) return failure(memory.error());
      (*memory)->bytes = page_ceil(request.bytes);
      return to_raw(create_paged(request, *memory));
    }
    case Call::kMemoryPageInDone: return to_raw(page_in_done(handle, a1, a2, a3));
    case Call::kMemoryTakeDirty: return to_raw(take_dirty(handle, a1, *reinterpret_cast<DirtyRange*>(a2)));
    case Call::kMemoryCleaned: return to_raw(cleaned(handle, a1, a2, a3));
    default: {
      const auto memory = kernel().get<MemoryObject>(handle, Rights::kRead);
      return memory ? to_raw(advise(**memory, static_cast<MemoryAdvice>(a1), a2, a3)) : failure(memory.error());
    }
  }
}

bool page_present(const MemoryObject& memory, u64 offset) {
  unsigned char present = 0;
  mincore(static_cast<std::byte*>(memory.data) + page_floor(offset), kPageSize, &present);
  return (present & 1) != 0;
}

Result<u64> memory_seek(const MemoryObject& memory, u64 offset, bool hole) {
  for (u64 at = offset; at < memory.bytes; at = page_floor(at) + kPageSize)
    if (page_present(memory, at) != hole) return at;
  if (hole) return memory.bytes;
  return fail(Error::kNotFound);
}

u64 resident_bytes(const MemoryObject& memory) {
  u64 bytes = 0;
  for (u64 at = 0; at < memory.bytes; at += kPageSize) bytes += page_present(memory, at) ? kPageSize : 0;
  return bytes;
}

Result<u64> space_map(const MapRequest& request) {
  Kernel& k = kernel();
  if (request.bytes == 0 || !page_aligned(request.bytes)) return fail(Error::kInvalidArgument);
  std::shared_ptr<MemoryObject> memory;
  if (request.memory == kNoHandle) {
    memory = TRY(make_memory(request.bytes));
  } else {
    memory = TRY(k.get<MemoryObject>(request.memory, Rights::kMap));
    if (request.offset > memory->bytes || request.bytes > memory->bytes - request.offset) return fail(Error::kInvalidArgument);
    if (!has(request.flags, MapFlags::kShared) || memory->paged) return fail(Error::kNotSupported);
  }
  const u64 address = reinterpret_cast<u64>(memory->data) + request.offset;
  k.mappings.emplace(address, std::pair(memory, request.bytes));
  return address;
}

Result<void> space_unmap(u64 address) {
  const auto found = kernel().mappings.find(address);
  if (found == kernel().mappings.end()) return fail(Error::kInvalidArgument);
  kernel().mappings.erase(found);
  return {};
}

Result<u64> ring_create(RingRequest& request) {
  const auto valid = [](u32 n) { return std::has_single_bit(n) && n <= kRingEntriesMax; };
  if (!valid(request.submit_entries) || !valid(request.complete_entries)) return fail(Error::kInvalidArgument);
  auto ring = std::make_shared<Ring>();
  const u32 submit_offset = kPageSize;
  const u32 complete_offset = submit_offset + request.submit_entries * sizeof(Submission);
  const usize bytes = complete_offset + request.complete_entries * sizeof(Completion);
  ring->memory = std::make_unique<Ring::Line[]>((bytes + 63) / 64);
  auto* base = reinterpret_cast<std::byte*>(ring->memory.get());
  ring->header = new (base) RingHeader{};
  ring->header->submit_entries = request.submit_entries;
  ring->header->complete_entries = request.complete_entries;
  ring->header->submit_offset = submit_offset;
  ring->header->complete_offset = complete_offset;
  ring->submissions = reinterpret_cast<Submission*>(base + submit_offset);
  ring->completions = reinterpret_cast<Completion*>(base + complete_offset);
  request.address = reinterpret_cast<u64>(ring->header);
  return kernel().insert(ring);
}

Result<void> channel_create(Handle* out) {
  auto a = std::make_shared<ChannelEnd>(), b = std::make_shared<ChannelEnd>();
  a->peer = b;
  b->peer = a;
  out[0] = kernel().insert(a);
  out[1] = kernel().insert(b);
  return {};
}

Result<u64> port_access(Handle handle, u64 offset, u64 width, Rights needed, u32* value_to_write) {
  Kernel& k = kernel();
  const auto range = TRY(k.get<PortRangeObject>(handle, needed));
  if ((width != 1 && width != 2 && width != 4) || offset > range->count || width > range->count - offset) return fail(Error::kInvalidArgument);
  for (const auto& device : k.devices) {
    const u64 port = range->first + offset;
    if (port < device.first || port >= device.first + device.count) continue;
    const u32 at = static_cast<u32>(port - device.first);
    if (value_to_write == nullptr) return device.device->read(at, static_cast<u32>(width));
    device.device->write(at, static_cast<u32>(width), *value_to_write);
    return 0;
  }
  return ~u64{0} >> (64 - width * 8);  // nobody drives the bus
}

Result<void> write_log(u64 level, const char* text, u64 bytes) {
  if (bytes > kLogLineMax) return fail(Error::kInvalidArgument);
  Kernel& k = kernel();
  if (k.keep_log) {
    k.log.emplace_back(text, bytes);
  } else {
    std::fprintf(stderr, "[%llu] %.*s\n", static_cast<unsigned long long>(level), static_cast<int>(bytes), text);
  }
  return {};
}

Result<u64> duplicate(Handle handle, Rights rights) {
  Kernel& k = kernel();
  const auto found = k.table.find(handle);
  if (found == k.table.end()) return fail(Error::kBadHandle);
  if (!has(found->second.rights, Rights::kDuplicate | rights)) return fail(Error::kNoRight);
  return k.insert(found->second.object, rights);
}

Result<void> handle_info(Handle handle, HandleInfo& info) {
  const auto found = kernel().table.find(handle);
  if (found == kernel().table.end()) return fail(Error::kBadHandle);
  info = {found->second.object->type, found->second.rights, found->second.object->koid};
  return {};
}

Result<u64> interrupt_create(u32 gsi) {
  auto interrupt = std::make_shared<InterruptObject>();
  interrupt->gsi = gsi;
  kernel().interrupts.push_back(interrupt);
  return kernel().insert(interrupt);
}

Result<u64> port_range_create(u64 first, u64 count) {
  if (first > 0xffff || count == 0 || count > 0x10000 - first) return fail(Error::kInvalidArgument);
  auto range = std::make_shared<PortRangeObject>();
  range->first = static_cast<u16>(first);
  range->count = static_cast<u32>(count);
  return kernel().insert(range);
}

i64 call_locked(Call number, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5, std::unique_lock<std::mutex>& lock) {
  Kernel& k = kernel();
  const auto handle = static_cast<Handle>(a0);
  const auto after = [](const auto& checked, auto&& act) -> i64 { return checked ? to_raw(act(*checked)) : failure(checked.error()); };
  if (number >= Call::kDmaCreate && number <= Call::kMemoryUnpin) return pin_call(number, a0, a1, a2);
  if (number >= Call::kPagerCreate && number <= Call::kMemoryAdvise) return paged_call(number, a0, a1, a2, a3);
  switch (number) {
    case Call::kNull: return 0;
    case Call::kLogWrite: return to_raw(write_log(a0, reinterpret_cast<const char*>(a1), a2));
    case Call::kClockRead: return a0 == static_cast<u64>(Clock::kWallOffset) ? 0 : static_cast<i64>(k.now());
    case Call::kSystemInfo: {
      auto& info = *reinterpret_cast<SystemInfo*>(a0);
      info = {};
      info.cpu_count = 2;
      return 0;
    }
    case Call::kHandleClose: return to_raw(k.close(handle));
    case Call::kHandleDuplicate: return to_raw(duplicate(handle, static_cast<Rights>(a1)));
    case Call::kHandleInfo: return to_raw(handle_info(handle, *reinterpret_cast<HandleInfo*>(a1)));
    case Call::kSpaceMap: return handle == kOwnSpace ? to_raw(space_map(*reinterpret_cast<const MapRequest*>(a1))) : failure(Error::kNotSupported);
    case Call::kSpaceUnmap: return handle == kOwnSpace ? to_raw(space_unmap(a1)) : failure(Error::kNotSupported);
    case Call::kCopy: return to_raw(copy(handle, a1, static_cast<Handle>(a2), a3, a4));
    case Call::kMemoryCreate: return after(make_memory(a0), [&](auto& memory) -> Result<u64> { return k.insert(memory); });
    case Call::kMemoryInfo:
      return after(k.get<MemoryObject>(handle, Rights::kInspect), [&](auto& memory) -> Result<void> {
        auto& info = *reinterpret_cast<MemoryInfo*>(a1);
        info = {.bytes = memory->bytes, .resident_bytes = memory->paged ? 0 : resident_bytes(*memory), .koid = memory->koid};
        if (memory->paged) paged_info(*memory, info);
        return {};
      });
    case Call::kMemoryResize: return after(get_resizable(handle), [&](auto& memory) { return memory_resize(*memory, a1); });
    case Call::kMemoryDiscard: return after(get_resizable(handle), [&](auto& memory) { return memory_discard(*memory, a1, a2); });
    case Call::kMemorySeek: return after(k.get<MemoryObject>(handle, Rights::kInspect), [&](auto& memory) { return memory_seek(*memory, a1, a2 != 0); });
    case Call::kRingCreate: return to_raw(ring_create(*reinterpret_cast<RingRequest*>(a0)));
    case Call::kRingEnter: {
      const auto ring = k.get<Ring>(handle, Rights::kWait);
      return ring ? ring_enter(lock, **ring, static_cast<u32>(a1), static_cast<u32>(a2), a3) : failure(ring.error());
    }
    case Call::kChannelCreate: return to_raw(channel_create(reinterpret_cast<Handle*>(a0)));
    case Call::kChannelReply: {
      const auto end = k.get<ChannelEnd>(handle, Rights::kWrite);
      if (!end) return failure(end.error());
      return channel_reply(**end, a1, reinterpret_cast<const std::byte*>(a2), a3, reinterpret_cast<const Handle*>(a4), a5);
    }
    case Call::kEventCreate: return static_cast<i64>(k.insert(std::make_shared<Event>()));
    case Call::kEventSignal:
      return after(k.get<Event>(handle, Rights::kWrite), [&](auto& event) -> Result<void> {
        event_signal(*event, a1);
        return {};
      });
    case Call::kInterruptCreate: return after(k.get<ResourceObject>(handle, Rights::kManage), [&](auto&) { return interrupt_create(static_cast<u32>(a1)); });
    case Call::kInterruptAcknowledge: return after(k.get<InterruptObject>(handle, Rights::kWrite), [](auto&) -> Result<void> { return {}; });
    case Call::kPortRangeCreate: return after(k.get<ResourceObject>(handle, Rights::kManage), [&](auto&) { return port_range_create(a1, a2); });
    case Call::kPortRead: return to_raw(port_access(handle, a1, a2, Rights::kRead, nullptr));
    case Call::kPortWrite: {
      u32 value = static_cast<u32>(a3);
      return to_raw(port_access(handle, a1, a2, Rights::kWrite, &value));
    }
    default: return failure(number >= Call::kNull && number < Call::kEnd ? Error::kNotSupported : Error::kUnknownCall);
  }
}

}  // namespace

Result<u64> copy(Handle destination, u64 to, Handle source, u64 from, u64 bytes) {
  const auto resolve = [&](Handle handle, u64 at, Rights needed) -> Result<std::byte*> {
    if (handle == kOwnSpace) return reinterpret_cast<std::byte*>(at);
    const auto memory = TRY(kernel().get<MemoryObject>(handle, needed));
    if (at >= memory->bytes) return fail(Error::kBadAddress);
    bytes = std::min(bytes, memory->bytes - at);
    if (memory->paged) bytes = TRY(paged_reach(*memory, at, bytes, needed == Rights::kWrite, has(kernel().table[handle].rights, Rights::kManage)));
    return static_cast<std::byte*>(memory->data) + at;
  };
  std::byte* const target = TRY(resolve(destination, to, Rights::kWrite));
  const std::byte* const origin = TRY(resolve(source, from, Rights::kRead));
  std::memmove(target, origin, bytes);
  return bytes;
}

Handle resource() {
  std::lock_guard guard(kernel().mutex);
  return kernel().insert(std::make_shared<ResourceObject>());
}

void attach_ports(u16 first, u32 count, PortDevice* device) {
  std::lock_guard guard(kernel().mutex);
  std::erase_if(kernel().devices, [&](const auto& d) { return d.first == first; });
  if (device != nullptr) kernel().devices.push_back({first, count, device});
}

void raise_interrupt_locked(u32 gsi) {
  for (const auto& weak : kernel().interrupts)
    if (const auto interrupt = weak.lock(); interrupt && interrupt->gsi == gsi) event_signal(*interrupt, 1);
}
void raise_interrupt(u32 gsi) {
  std::lock_guard guard(kernel().mutex);
  raise_interrupt_locked(gsi);
}

void set_virtual_time(u64 ns) {
  std::lock_guard guard(kernel().mutex);
  kernel().virtual_time = true;
  kernel().time = ns;
}
void use_real_time() {
  std::lock_guard guard(kernel().mutex);
  kernel().virtual_time = false;
}

u64 next_kernel_deadline() {
  std::lock_guard guard(kernel().mutex);
  u64 result = kNever;
  for (const auto& [handle, entry] : kernel().table)
    if (const auto* ring = dynamic_cast<const Ring*>(entry.object.get()))
      for (const auto& pending : ring->pending) result = std::min(result, pending->deadline);
  return result;
}

void expire_kernel_deadlines() {
  std::lock_guard guard(kernel().mutex);
  for (const auto& [handle, entry] : kernel().table)
    if (auto* ring = dynamic_cast<Ring*>(entry.object.get())) expire(*ring);
}

usize handle_count() {
  std::lock_guard guard(kernel().mutex);
  return kernel().table.size();
}

void keep_log(bool keep) {
  std::lock_guard guard(kernel().mutex);
  kernel().keep_log = keep;
}
const char* last_log_line() {
  std::lock_guard guard(kernel().mutex);
  return kernel().log.empty() ? "" : kernel().log.back().c_str();
}

}  // namespace hati::hosted

namespace hati {

i64 hosted_call(Call number, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
  if (number == Call::kThreadYield) {
    std::this_thread::yield();
    return 0;
  }
  std::unique_lock lock(hosted::kernel().mutex);
  return hosted::call_locked(number, a0, a1, a2, a3, a4, a5, lock);
}

}  // namespace hati
