// SPDX-License-Identifier: MIT
// The objects of the in-process kernel. One mutex guards everything (it is a test bed, not a fast kernel); sleeping is on a ring's
// condition variable. Operations in flight are owned by their ring and linked from the object by a weak pointer.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "abi/call.h"
#include "abi/ring.h"
#include "base/result.h"
#include "hosted/hosted.h"

namespace hati::hosted {

struct Ring;

struct Object {
  Object(ObjectType t) : type(t) {}
  virtual ~Object() = default;
  virtual void on_last_handle() {}
  ObjectType type;
  u64 koid = 0;
  u32 handles = 0;
};

struct Entry {
  std::shared_ptr<Object> object;
  Rights rights;
};

// An operation that waits. `done` once completed or cancelled; objects skip those.
struct Pending {
  Ring* ring = nullptr;
  Submission submission{};
  u64 deadline = kNever;
  bool done = false;
  std::vector<Entry> handles;  // travelling with it
  std::shared_ptr<Object> object;
};
using PendingPtr = std::shared_ptr<Pending>;

struct Ring : Object {
  Ring() : Object(ObjectType::kRing) {}
  void on_last_handle() override;
  RingHeader* header = nullptr;
  Submission* submissions = nullptr;
  Completion* completions = nullptr;
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::unique_ptr<Line[]> memory;
  std::deque<Completion> overflow;
  std::vector<PendingPtr> pending;
  std::condition_variable_any changed;
};

struct Event : Object {
  Event() : Object(ObjectType::kEvent) {}
  u64 count = 0;
  std::deque<PendingPtr> waiters;
};

struct InterruptObject : Event {
  InterruptObject() { type = ObjectType::kInterrupt; }
  u32 gsi = 0;
};

struct MemoryObject;

struct PagerObject : Object {
  PagerObject() : Object(ObjectType::kPager) {}
  void on_last_handle() override;
  struct Request {
    PagerRequest kind;
    u64 key, first, count;
  };
  std::deque<Request> requests;
  std::deque<PendingPtr> waiters;
  std::vector<std::weak_ptr<MemoryObject>> memories;
};

// What a Memory object with a pager has.
struct Paged {
  struct Waiter {
    PendingPtr operation;
    u64 first, end;
  };
  std::weak_ptr<PagerObject> pager;  // expired: dead
  u64 key = 0;
  std::vector<u8> state;  // by page
  std::vector<Waiter> waiters;
  u32 write_error = 0, write_errors = 0;
};

struct MemoryObject : Object {
  MemoryObject() : Object(ObjectType::kMemory) {}
  ~MemoryObject() override;
  void* data = nullptr;
  u64 bytes = 0;
  u64 mapped = 0;  // of data; at least `bytes`
  std::multimap<u64, u64> pins;  // offset, bytes
  std::unique_ptr<Paged> paged;
};

struct DmaObject : Object {
  DmaObject() : Object(ObjectType::kDma) {}
};

struct PortRangeObject : Object {
  PortRangeObject() : Object(ObjectType::kPortRange) {}
  u16 first = 0;
  u32 count = 0;
};

struct ResourceObject : Object {
  ResourceObject() : Object(ObjectType::kResource) {}
};

struct Message {
  std::vector<std::byte> bytes;
  std::vector<Entry> handles;
  u64 transaction = 0;
};

struct ChannelEnd : Object {
  ChannelEnd() : Object(ObjectType::kChannel) {}
  void on_last_handle() override;
  std::weak_ptr<ChannelEnd> peer;
  bool peer_closed = false;
  std::deque<Message> queue;             // to be received here
  std::deque<PendingPtr> receivers;      // here
  std::deque<PendingPtr> senders;        // here, waiting for room in the peer's queue
  std::map<u64, PendingPtr> calls;       // made here, waiting for the reply
  u64 next_transaction = 1;
};

struct Kernel {
  std::mutex mutex;
  std::unordered_map<Handle, Entry> table;
  std::multimap<u64, std::pair<std::shared_ptr<MemoryObject>, u64>> mappings;  // by address, which is the same however often an object is mapped
  std::vector<std::weak_ptr<InterruptObject>> interrupts;
  struct Device {
    u16 first;
    u32 count;
    PortDevice* device;
  };
  std::vector<Device> devices;
  Handle next_handle = 0x10;
  u64 next_koid = 1;
  bool virtual_time = false;
  u64 time = 0;
  bool keep_log = false;
  std::vector<std::string> log;

  u64 now() const;
  Handle insert(std::shared_ptr<Object> object, Rights rights = Rights::kAll);
  Handle insert(Entry entry) { return insert(std::move(entry.object), entry.rights); }
  Result<Entry> take(Handle handle, Rights needed);
  template <class T>
  Result<std::shared_ptr<T>> get(Handle handle, Rights needed) {
    auto found = table.find(handle);
    if (found == table.end()) return fail(Error::kBadHandle);
    auto object = std::dynamic_pointer_cast<T>(found->second.object);
    if (!object) return fail(Error::kWrongType);
    if (!has(found->second.rights, needed)) return fail(Error::kNoRight);
    return object;
  }
  Result<void> close(Handle handle);
};
Kernel& kernel();

// ring.cpp
void complete(Pending& pending, i64 result, u64 value0 = 0, u64 value1 = 0);
void expire(Ring& ring);
i64 ring_enter(std::unique_lock<std::mutex>& lock, Ring& ring, u32 submit, u32 wait, u64 deadline);
void event_signal(Event& event, u64 count);
// channel.cpp
void channel_send(const std::shared_ptr<ChannelEnd>& end, const PendingPtr& operation);
void channel_receive(const std::shared_ptr<ChannelEnd>& end, const PendingPtr& operation);
void channel_reply(const std::shared_ptr<ChannelEnd>& end, const PendingPtr& operation);  // the operation of a ring
i64 channel_reply(ChannelEnd& end, u64 transaction, const std::byte* bytes, u64 count, const Handle* handles, u64 handle_count);
Result<std::vector<Entry>> take_handles(const Handle* handles, u64 count);
// paged.cpp
Result<u64> create_paged(const PagedMemoryRequest& request, std::shared_ptr<MemoryObject> memory);
void paged_resized(MemoryObject& memory);
void paged_discarded(MemoryObject& memory, u64 offset, u64 bytes);
Result<u64> paged_reach(MemoryObject& memory, u64 at, u64 bytes, bool write, bool pager);
void page_in(const std::shared_ptr<MemoryObject>& memory, const PendingPtr& operation);
void pager_wait(const std::shared_ptr<PagerObject>& pager, const PendingPtr& operation);
Result<void> page_in_done(Handle handle, u64 offset, u64 bytes, u64 error);
Result<void> take_dirty(Handle handle, u64 from, DirtyRange& range);
Result<void> cleaned(Handle handle, u64 offset, u64 bytes, u64 error);
void paged_info(const MemoryObject& memory, MemoryInfo& info);
Result<void> advise(MemoryObject& memory, MemoryAdvice advice, u64 offset, u64 bytes);
Result<u64> copy(Handle destination, u64 to, Handle source, u64 from, u64 bytes);

}  // namespace hati::hosted
