// SPDX-License-Identifier: MIT
// A process that takes of the kernel what it can get: it is refused, and everybody else has what they need.
#include "runtime/log.h"
#include "tests/native/cases.h"

namespace hati::native_tests {
namespace {

struct Hoard {
  HoardWhat what;
  const char* name;
  u64 least, most;  // that must be, and may be had: the manifest gives it 5% of 64 MiB and 300 objects
};
constexpr Hoard kHoards[] = {{HoardWhat::kEvents, "events", 200, 300},    {HoardWhat::kMemories, "memory objects", 200, 300},
                             {HoardWhat::kPages, "pages", 100, 820},      {HoardWhat::kChannels, "channels", 100, 150},
                             {HoardWhat::kRings, "rings", 50, 150},       {HoardWhat::kThreads, "threads", 50, 150},
                             {HoardWhat::kSpaces, "spaces", 20, 300},     {HoardWhat::kMappings, "mappings", 2000, 40000},
                             {HoardWhat::kMessages, "messages", 100, 820}};

u64 memory_free() {
  SystemInfo info{};
  return call::system_info(info) ? info.memory_free : 0;
}

Task<Verdict> hoarder_is_refused(Fixture& fixture) {
  constexpr u64 kShare = u64{4} << 20;
  EXPECT(co_await fixture.hoarder.call(HoardRequest{.what = HoardWhat::kNothing}));
  const u64 before = memory_free();
  for (const Hoard& hoard : kHoards) {
    const auto reply = co_await fixture.hoarder.call(HoardRequest{.what = hoard.what});
    if (!reply) co_return std::string("the hoarder of ") + hoard.name + " did not answer: " + error_name(reply.error());
    log_info("{} {} until {}", reply->taken, hoard.name, error_name(static_cast<Error>(reply->error)));
    if (reply->error != static_cast<u64>(Error::kNoMemory)) co_return std::string("another error for ") + hoard.name;
    if (reply->taken < hoard.least || reply->taken > hoard.most) co_return std::string("too few or many ") + hoard.name;
    if (before > memory_free() + kShare) co_return std::string("more memory went than may for ") + hoard.name;
    // Others are not touched by it.
    EXPECT(KernelEvent::create() && Memory::create(kPageSize) && Channel::create());
    EXPECT(co_await fixture.echo.call(PingRequest{.value = 1}));
  }
  EXPECT(co_await fixture.hoarder.call(HoardRequest{.what = HoardWhat::kNothing}));
  // All of it comes back, as fast as the kernel gets to it.
  for (int tries = 0; memory_free() + kShare / 2 < before; ++tries) {
    if (tries == 100) co_return "memory was lost: " + std::to_string((before - memory_free()) / 1024) + " KiB";
    (void)co_await sleep_for(10 * kNsPerMs);
  }
  co_return "";
}

Task<Verdict> limits_are_not_raised_from_inside(Fixture&) {
  EXPECT(call::space_set_limit(kOwnSpace, SpaceLimit::kKernelObjects, ~u64{0}) == fail(Error::kNoRight));
  EXPECT(call::space_set_limit(kOwnSpace, SpaceLimit::kKernelBytes, ~u64{0}) == fail(Error::kNoRight));
  // A child counts against its maker, whatever it is allowed.
  auto child = Space::create(SpaceFlags::kSupervised);
  EXPECT(child && child->set_limit(SpaceLimit::kKernelBytes, 0));
  MapRequest request{};
  request.bytes = kPageSize;
  EXPECT(call::space_map(child->get(), request) == fail(Error::kNoMemory));
  EXPECT(child->set_limit(SpaceLimit::kKernelBytes, ~u64{0}));
  EXPECT(call::space_map(child->get(), request));
  co_return "";
}

constexpr Case kCases[] = {{"quota-hoarder-is-refused", hoarder_is_refused},
                           {"quota-not-raised-from-inside", limits_are_not_raised_from_inside}};

}  // namespace

std::span<const Case> quota_cases() { return kCases; }

}  // namespace hati::native_tests
