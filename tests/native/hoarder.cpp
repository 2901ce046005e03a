// SPDX-License-Identifier: MIT
// Takes kernel objects of one kind until the kernel refuses, and keeps them until it is told to let go.
#include <vector>

#include "runtime/executor.h"
#include "runtime/handle.h"
#include "tests/native/listener.h"
#include "tests/native/protocol.h"

namespace hati::native_tests {
namespace {

constexpr usize kHoardMax = 1 << 16;
constexpr usize kChange = 8;  // given back at once: the answer needs a little, too

struct Hoarder {
  Task<Result<HoardReply>> on(HoardRequest request, CallContext&) {
    release();
    HoardReply reply{};
    Result<void> result{};
    while (reply.taken < kHoardMax && (result = co_await take_one(request.what))) ++reply.taken;
    if (!result) reply.error = static_cast<u64>(result.error());
    for (usize i = 0; i < kChange && !hoard.empty(); ++i) hoard.pop_back();
    co_return reply;
  }

  void release() {
    hoard.clear();
    hoard.reserve(kHoardMax);
    for (const u64 address : mapped) (void)call::space_unmap(kOwnSpace, address, kPageSize);
    mapped.clear();
    mapped.reserve(kHoardMax);
    sender = kNoHandle;
    sent = 0;
  }

  Result<void> keep(Result<Handle> handle) {
    hoard.emplace_back(TRY(handle));
    return {};
  }

  Result<void> map_one() {
    MapRequest request{};
    request.bytes = kPageSize;
    request.tag = mapped.size() + 1;  // another tag: the neighbours do not become one
    mapped.push_back(TRY(call::space_map(kOwnSpace, request)));
    return {};
  }

  // A space with one page, so that it has tables.
  Result<void> make_space() {
    Space space = TRY(Space::create(SpaceFlags::kSupervised));
    MapRequest request{};
    request.bytes = kPageSize;
    request.protection = Protection::kRead | Protection::kWrite;
    request.max_protection = static_cast<u32>(request.protection);
    request.flags = MapFlags::kPopulate;
    TRY(call::space_map(space.get(), request));
    hoard.emplace_back(space.release());
    return {};
  }

  Result<void> make_ring() {
    RingRequest request{.submit_entries = 64, .complete_entries = 64, .address = 0};
    return keep(call::ring_create(request));
  }

  Result<void> make_thread() {
    ThreadRequest request{};
    return keep(call::thread_create(kOwnSpace, request));
  }

  Result<void> make_channel() {
    const auto ends = TRY(call::channel_create());
    hoard.emplace_back(ends[0]);
    hoard.emplace_back(ends[1]);
    return {};
  }

  // A page of a memory object; the first makes the object.
  Result<void> write_page() {
    if (hoard.empty()) TRY(keep(call::memory_create(kPageSize * kHoardMax)));
    const u64 word = 1;
    TRY(call::copy(hoard[0].get(), sent++ * kPageSize, kOwnSpace, reinterpret_cast<u64>(&word), sizeof word));
    return {};
  }

  // A message that nobody receives.
  Task<Result<void>> send_one() {
    if (sent % kChannelQueueMax == 0) {
      CO_TRY(make_channel());
      sender = hoard.back().get();
    }
    ++sent;
    static const std::vector<std::byte> bytes(4096);
    CO_TRY(co_await channel_send(sender, bytes));
    co_return Result<void>{};
  }

  Task<Result<void>> take_one(HoardWhat what) {
    switch (what) {
      case HoardWhat::kEvents: co_return keep(call::event_create());
      case HoardWhat::kMemories: co_return keep(call::memory_create(kPageSize));
      case HoardWhat::kPages: co_return write_page();
      case HoardWhat::kChannels: co_return make_channel();
      case HoardWhat::kRings: co_return make_ring();
      case HoardWhat::kThreads: co_return make_thread();
      case HoardWhat::kSpaces: co_return make_space();
      case HoardWhat::kMappings: co_return map_one();
      case HoardWhat::kMessages: co_return co_await send_one();
      case HoardWhat::kNothing: break;
    }
    co_return fail(Error::kNotFound);
  }

  std::vector<OwnedHandle> hoard;
  std::vector<u64> mapped;
  Handle sender = kNoHandle;
  u64 sent = 0;
};

}  // namespace
}  // namespace hati::native_tests

int main() {
  using namespace hati;
  log_set_name("hoarder");
  native_tests::Hoarder hoarder;
  return Runtime::run({.workers = 1, .pin = false}, native_tests::offer<native_tests::HoardProtocol>(hoarder)).value_or(1);
}
