// SPDX-License-Identifier: MIT
// Calls to other processes; a server's crash and restart; the fuzzer.
#include <cstring>

#include "runtime/inline_message.h"
#include "runtime/log.h"
#include "tests/native/cases.h"

namespace hati::native_tests {
namespace {

// Empty, or why the echo server did not answer as it should.
Task<Verdict> check_echo(Fixture& fixture) {
  const auto reply = co_await fixture.echo.call(PingRequest{.value = 5});
  if (!reply) co_return std::string("the echo server: ") + error_name(reply.error());
  co_return reply->value == 6 ? "" : "the echo server gave a wrong answer";
}

Task<Verdict> ping(Fixture& fixture) {
  constexpr u64 kRounds = 2000;
  for (int i = 0; i < 10; ++i)
    if (const Verdict verdict = co_await check_echo(fixture); !verdict.empty()) co_return verdict;
  const u64 before = now_ns();
  for (u64 i = 0; i < kRounds; ++i)
    if (!co_await fixture.echo.call(PingRequest{.value = i})) co_return "a call failed";
  log_info("bench typed-call-one-way {} ns", (now_ns() - before) / kRounds / 2);
  co_return "";
}

// Without the typed layer: 16 bytes there and back.
Task<Verdict> raw_call(Fixture& fixture) {
  constexpr u64 kRounds = 2000;
  const std::array<u64, 2> request{1, 2};
  std::array<u64, 2> reply{};
  const u64 before = now_ns();
  for (u64 i = 0; i < kRounds; ++i) {
    const auto answered =
        co_await channel_call(fixture.raw.get(), std::as_bytes(std::span(request)), std::as_writable_bytes(std::span(reply)), {}, 0);
    if (!answered || answered->bytes != sizeof(reply)) co_return "a call failed";
  }
  log_info("bench raw-call-one-way {} ns", (now_ns() - before) / kRounds / 2);
  EXPECT(reply == request);
  co_return "";
}

// The same in the entries of the rings.
Task<Verdict> inline_call_and_reply(Fixture& fixture) {
  constexpr u64 kRounds = 2000;
  const u64 before = now_ns();
  for (u64 i = 0; i < kRounds; ++i) {
    const auto answered = co_await inline_call(fixture.raw.get(), {.words = {i, 2}});
    if (!answered || answered->words != std::array<u64, 2>{i, 2}) co_return "a call failed";
  }
  log_info("bench inline-call-one-way {} ns", (now_ns() - before) / kRounds / 2);
  co_return "";
}

Task<Verdict> payload_and_handles(Fixture& fixture) {
  Attachments in, out;
  in.payload.resize(kPayloadMax);
  for (usize i = 0; i < in.payload.size(); ++i) in.payload[i] = static_cast<std::byte>(i * 3);
  const auto sent = in.payload;
  auto memory = Memory::create(kPageSize);
  const u64 koid = memory->info()->koid;
  in.handles.push_back(std::move(*memory));
  EXPECT(co_await fixture.echo.call(MirrorRequest{}, &in, &out));
  EXPECT(out.payload == sent);
  EXPECT(out.handles.size() == 1 && out.handles[0].info()->koid == koid);
  co_return "";
}

Task<Result<Client<EchoProtocol>>> reconnect(Fixture& fixture) {
  system::ConnectRequest request{};
  std::strcpy(request.service, "echo");
  Attachments out;
  CO_TRY(co_await fixture.init.call(request, nullptr, &out));
  if (out.handles.size() != 1) co_return fail(Error::kBadData);
  co_return Client<EchoProtocol>(Channel(out.handles[0].release()));
}

Task<Verdict> crash_and_restart(Fixture& fixture) {
  const auto first = co_await fixture.echo.call(PingRequest{.value = 1});
  EXPECT(first);
  EXPECT((co_await fixture.echo.call(CrashRequest{})).error() == Error::kPeerClosed);
  // A connection that the dying process still accepted is lost with it: clients try again until a call succeeds.
  for (int attempt = 0; attempt < 10; ++attempt) {
    auto connected = co_await reconnect(fixture);
    if (!connected) co_return std::string("no connection: ") + error_name(connected.error());
    fixture.echo = std::move(*connected);
    const auto second = co_await fixture.echo.call(PingRequest{.value = 2});
    if (!second && second.error() == Error::kPeerClosed) continue;
    EXPECT(second && second->value == 3 && second->process != first->process);
    co_return "";
  }
  co_return "no answer after ten connections";
}

Task<Verdict> no_right_to_connect(Fixture& fixture) {
  system::ConnectRequest request{};
  std::strcpy(request.service, "nobody");
  EXPECT((co_await fixture.init.call(request)).error() == Error::kNoRight);
  co_return "";
}

Task<Verdict> fuzz(Fixture& fixture) {
  constexpr u64 kCalls = 500'000;
  const auto done = co_await fixture.fuzz.call(FuzzRequest{.seed = 42, .calls = kCalls});
  if (!done) (void)co_await sleep_for(kNsPerSecond);  // init says why it ended
  if (!done) co_return std::string("the fuzzer did not answer: ") + error_name(done.error());
  log_info("fuzz: {} calls, {} accepted", done->calls, done->accepted);
  EXPECT(done->calls == 2 * kCalls && done->accepted > 1000);
  // The system still answers.
  co_return co_await check_echo(fixture);
}

constexpr Case kCases[] = {{"ipc-ping", ping},
                           {"ipc-raw-call", raw_call},
                           {"ipc-inline-call", inline_call_and_reply},
                           {"ipc-payload-and-handles", payload_and_handles},
                           {"ipc-crash-and-restart", crash_and_restart},
                           {"ipc-no-right-to-connect", no_right_to_connect},
                           {"fuzz-native-calls", fuzz}};

}  // namespace

std::span<const Case> ipc_cases() { return kCases; }

}  // namespace hati::native_tests
