// SPDX-License-Identifier: MIT
// Calls and objects as the runtime wraps them, errors included.
#include <thread>

#include "runtime/async/queue.h"
#include "runtime/log.h"
#include "tests/native/cases.h"

namespace hati::native_tests {
namespace {

// Prints what a null call costs; with -icount one ns is one instruction.
Task<Verdict> null_call(Fixture&) {
  constexpr u64 kCalls = 20000;
  const u64 before = now_ns();
  for (u64 i = 0; i < kCalls; ++i)
    if (!call::null()) co_return "the null call failed";
  log_info("bench null-call {} ns", (now_ns() - before) / kCalls);
  co_return "";
}

Task<Verdict> bad_arguments(Fixture&) {
  EXPECT(call::handle_close(0) == fail(Error::kBadHandle));
  EXPECT(call::handle_close(0xdeadbeef) == fail(Error::kBadHandle));
  EXPECT(native_call(static_cast<Call>(kCallBase + kCallCount)) == -static_cast<i64>(Error::kUnknownCall) ||
         native_call(static_cast<Call>(kCallBase + kCallCount)) == -38);  // the bridge answers ENOSYS
  auto event = KernelEvent::create();
  EXPECT(event);
  EXPECT(call::memory_resize(event->get(), 4096) == fail(Error::kWrongType));
  auto weak = event->duplicate(Rights::kWait);
  EXPECT(weak && call::event_signal(weak->get(), 1) == fail(Error::kNoRight));
  EXPECT(weak->duplicate(Rights::kWait).error() == Error::kNoRight);
  EXPECT(native_call(Call::kSystemInfo, 0xffff'8000'0000'0000) == -static_cast<i64>(Error::kBadAddress));
  EXPECT(native_call(Call::kSystemInfo, 8) == -static_cast<i64>(Error::kBadAddress));
  co_return "";
}

Task<Verdict> memory_and_mapping(Fixture&) {
  auto memory = Memory::create(3 * kPageSize);
  EXPECT(memory);
  auto mapping = memory->map(0, 3 * kPageSize, Protection::kRead | Protection::kWrite);
  EXPECT(mapping);
  auto* words = mapping->as<volatile u64>();
  EXPECT(words[0] == 0 && words[1023] == 0);
  words[512] = 42;
  u64 copy = 0;
  EXPECT(memory->read(kPageSize, std::as_writable_bytes(std::span(&copy, 1))) == sizeof(copy) && copy == 42);
  auto again = memory->map(kPageSize, kPageSize, Protection::kRead);
  EXPECT(again && *again->as<volatile u64>() == 42);
  EXPECT(memory->discard(kPageSize, kPageSize));
  EXPECT(words[512] == 0 && *again->as<volatile u64>() == 0);
  EXPECT(memory->write(3 * kPageSize, std::as_bytes(std::span(&copy, 1))) == fail(Error::kBadAddress));
  const u64 address = mapping->address();
  *mapping = Mapping();
  EXPECT(call::copy(kOwnSpace, reinterpret_cast<u64>(&copy), kOwnSpace, address, 8) == fail(Error::kBadAddress));
  co_return "";
}

Task<void> signal_later(Handle event) {
  (void)co_await sleep_for(2 * kNsPerMs);
  (void)call::event_signal(event, 3);
}
Task<Result<u64>> wait_for(Handle event) { co_return co_await event_wait(event); }
Task<Verdict> events_and_timeouts(Fixture&) {
  auto event = KernelEvent::create();
  Scope scope;
  scope.start(signal_later(event->get()));
  EXPECT(co_await event_wait(event->get()) == 3u);
  co_await scope.join();
  const u64 before = now_ns();
  EXPECT((co_await with_deadline(wait_for(event->get()), before + 5 * kNsPerMs)) == fail(Error::kTimedOut));
  EXPECT(now_ns() - before >= 5 * kNsPerMs);
  EXPECT((co_await submit({.operation = Operation::kTimeout, .args = {now_ns() + 1000}})).result == -static_cast<i64>(Error::kTimedOut));
  EXPECT((co_await submit({.operation = Operation::kCount})).result < 0);
  co_return "";
}

Task<void> hop(u32 rounds, std::atomic<u32>& hops) {
  for (u32 i = 0; i < rounds; ++i) {
    Scope scope;
    scope.start_on(Runtime::worker((Worker::current().index() + 1) % Runtime::worker_count()), [](std::atomic<u32>& count) -> Task<void> {
      ++count;
      co_return;
    }(hops));
    co_await scope.join();
  }
}
Task<Verdict> cross_worker_posts(Fixture&) {
  std::atomic<u32> hops = 0;
  Scope scope;
  for (int i = 0; i < 4; ++i) scope.start(hop(250, hops));
  co_await scope.join();
  EXPECT(hops == 1000);
  co_return "";
}

Task<void> fill(async::Queue<u64>& queue) {
  for (u64 i = 0; i < 1000; ++i) (void)co_await queue.push(i);
  queue.close();
}
Task<Verdict> queue_between_workers(Fixture&) {
  async::Queue<u64> queue(8);
  Scope scope;
  scope.start_on(Runtime::worker(Runtime::worker_count() - 1), fill(queue));
  u64 sum = 0;
  while (auto value = co_await queue.pop()) sum += *value;
  co_await scope.join();
  EXPECT(sum == 499500);
  co_return "";
}

Task<Verdict> memory_exhaustion_is_an_error(Fixture&) {
  // Objects may be larger than memory; what is touched may not. The kernel answers and lives.
  auto memory = Memory::create(u64{1} << 40);
  if (!memory) co_return memory.error() == Error::kNoMemory || memory.error() == Error::kInvalidArgument ? "" : "unexpected error";
  std::array<std::byte, 1> byte{std::byte{1}};
  EXPECT(memory->write((u64{1} << 40) - 1, byte) == 1u);
  co_return "";
}

constexpr Case kCases[] = {{"object-null-call", null_call},
                           {"object-bad-arguments", bad_arguments},
                           {"object-memory-and-mapping", memory_and_mapping},
                           {"object-events-and-timeouts", events_and_timeouts},
                           {"object-cross-worker-posts", cross_worker_posts},
                           {"object-queue-between-workers", queue_between_workers},
                           {"object-huge-memory", memory_exhaustion_is_an_error}};

}  // namespace

std::span<const Case> object_cases() { return kCases; }

}  // namespace hati::native_tests
