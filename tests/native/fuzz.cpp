// SPDX-License-Identifier: MIT
// Random native calls from a process that holds next to nothing: wild numbers, handles, addresses and lengths, and the near misses of good ones.
// The runtime's own handles (its ring, its channels) are left alone.
// What would end this very process on success (leaving, unmapping its own code, a thread at a wild address) is aimed at a scratch space.
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "tests/native/listener.h"
#include "tests/native/protocol.h"

namespace hati::native_tests {
namespace {

// What calls may write to: the addresses lie in the first part, and no structure reaches beyond the whole.
constexpr u64 kBytes = 64 * 1024, kBufferBytes = 4 * kBytes;

struct Fuzzer {
  Fuzzer(u64 seed, const std::set<Handle>& keep) : random(seed), buffer(kBufferBytes), keep(keep) {}

  u64 pick(std::initializer_list<u64> values) { return values.begin()[random() % values.size()]; }

  u64 handle() {
    switch (random() % 8) {
      case 0: return kOwnSpace;
      case 1: return random();
      case 2: return handles.empty() ? 0 : handles[random() % handles.size()] ^ (u64{1} << (16 + random() % 48));  // another generation
      default: return handles.empty() ? 0 : handles[random() % handles.size()];
    }
  }
  u64 address() {
    switch (random() % 8) {
      case 0: return pick({0, 1, 0xfff, 0x1000, kProgramEnd, kServerBase, kServerEnd, kServerEnd - 1, u64{1} << 47, ~u64{0}, ~u64{0} - 4095});
      case 1: return random();
      case 2: return 0xffff'8000'0000'0000 + random() % (u64{1} << 40);
      default: return reinterpret_cast<u64>(buffer.data()) + random() % kBytes;
    }
  }
  u64 number() { return pick({0, 1, 2, 3, 4, 8, 16, 4095, 4096, 4097, 65536, u64{1} << 20,
                                u64{1} << 31, u64{1} << 32, u64{1} << 47, u64{1} << 63, ~u64{0}, random(), random() % 256}); }
  u64 any() { return random() % 3 == 0 ? handle() : random() % 2 == 0 ? address() : number(); }

  // Some structures that the kernel reads should be sensible at times.
  void scribble() {
    auto* words = reinterpret_cast<u64*>(buffer.data());
    for (int i = 0; i < 16; ++i) words[random() % (kBytes / 8)] = any();
  }

  bool one();
  void remember(Call call, i64 result);

  std::mt19937_64 random;
  std::vector<std::byte> buffer;
  std::vector<Handle> handles;
  const std::set<Handle>& keep;  // the runtime's own
  Handle scratch = kNoHandle;
};

bool creates_handle(Call call) {
  switch (call) {
    case Call::kHandleDuplicate: case Call::kSpaceCreate: case Call::kMemoryCreate: case Call::kThreadCreate:
    case Call::kRingCreate: case Call::kEventCreate: case Call::kPagerCreate: case Call::kMemoryCreatePaged: return true;
    default: return false;
  }
}
bool endangers_self(Call call) {
  switch (call) {
    case Call::kSpaceUnmap: case Call::kSpaceProtect: case Call::kSpaceMap: case Call::kSpaceMove: case Call::kSpaceDiscard: case Call::kSpaceClear:
    case Call::kThreadCreate: case Call::kSpaceTerminate: case Call::kSpaceClone: case Call::kSpaceSetLimit: case Call::kCompareExchange:
    case Call::kCopy: case Call::kSpaceSetTrapRing: case Call::kSpaceInspect: return true;
    default: return false;
  }
}

void Fuzzer::remember(Call call, i64 result) {
  if (!creates_handle(call) || result <= 0) return;
  handles.push_back(static_cast<Handle>(result));
  if (handles.size() <= 64) return;
  const usize victim = random() % handles.size();
  if (handles[victim] != scratch) {
    (void)call::handle_close(handles[victim]);
    handles.erase(handles.begin() + static_cast<std::ptrdiff_t>(victim));
  }
}

// Whether the kernel accepted it.
bool Fuzzer::one() {
  auto call = static_cast<Call>(kCallBase + random() % kCallCount);
  if (call == Call::kThreadExit || call == Call::kThreadSetCallEntry || call == Call::kThreadReadState) return false;
  if (call == Call::kLogWrite && random() % 4096 != 0) return false;
  if (random() % 64 == 0) scribble();
  u64 a[6] = {any(), any(), any(), any(), any(), any()};
  if (random() % 2 == 0) a[0] = handle();
  for (u64& argument : a)
    if (keep.contains(static_cast<Handle>(argument))) argument = 0;
  if (endangers_self(call)) {
    if (static_cast<Handle>(a[0]) == kOwnSpace) a[0] = scratch;
    if (call == Call::kCopy) a[0] = scratch;
    if (call == Call::kSpaceClone && static_cast<Handle>(a[1]) == kOwnSpace) a[1] = scratch;
  }
  if (call == Call::kRingEnter) {
    a[2] %= 2;
    a[3] = now_ns() + 1000;
  }
  if (call == Call::kLogWrite) a[2] %= 8;
  const i64 result = native_call(call, a[0], a[1], a[2], a[3], a[4], a[5]);
  remember(call, result);
  // A closed number may come to name an object of the runtime's later.
  if (call == Call::kHandleClose && result >= 0) std::erase(handles, static_cast<Handle>(a[0]));
  return result >= 0;
}

void run_fuzzer(u64 seed, u64 calls, const std::set<Handle>& keep, u64& accepted) {
  Fuzzer fuzzer(seed, keep);
  for (u64 i = 0; i < calls; ++i) {
    if (i % 1000 == 0) {
      if (fuzzer.scratch != kNoHandle) (void)call::handle_close(fuzzer.scratch);
      fuzzer.scratch = call::space_create(SpaceFlags::kSupervised).value_or(kNoHandle);
    }
    if (fuzzer.one()) ++accepted;
  }
  for (const Handle handle : fuzzer.handles) (void)call::handle_close(handle);
}

struct FuzzServer {
  Task<Result<FuzzReply>> on(FuzzRequest request, CallContext&) {
    u64 accepted[2] = {};
    std::set<Handle> keep;
    // There before `keep` is filled: a thread that kills the other one by a random number would wait for it for ever.
    std::atomic<bool> filled{false};
    std::thread other([&] {
      filled.wait(false);
      run_fuzzer(request.seed, request.calls, keep, accepted[0]);
    });
    HandleInfo info{};
    for (Handle handle = 1; handle < 1024; ++handle)
      if (call::handle_info(handle, info)) keep.insert(handle);
    filled = true;
    filled.notify_one();
    run_fuzzer(request.seed + 1, request.calls, keep, accepted[1]);
    other.join();
    co_return FuzzReply{.calls = 2 * request.calls, .accepted = accepted[0] + accepted[1]};
  }
};

}  // namespace
}  // namespace hati::native_tests

int main() {
  using namespace hati;
  log_set_name("fuzz");
  native_tests::FuzzServer server;
  return Runtime::run({.workers = 1, .pin = false}, native_tests::offer<native_tests::FuzzProtocol>(server)).value_or(1);
}
