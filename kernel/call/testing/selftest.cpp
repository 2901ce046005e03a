// SPDX-License-Identifier: MIT
// The kernel's own test: runs as the first process, exercises the native interface, logs what failed and powers off.
#include "kernel/call/testing/native.h"

namespace hati::test {
namespace {

u64 checks = 0, failures = 0;

void expect(bool ok, const char* what, i64 got) {
  ++checks;
  if (ok) return;
  ++failures;
  Line() << "FAILED: " << what << ": got " << got;
}
void expect_error(i64 result, Error error, const char* what) { expect(result == -static_cast<i64>(error), what, result); }

void test_handles() {
  const i64 event = call(Call::kEventCreate);
  expect(event > 0, "event create", event);
  expect_error(call(Call::kHandleClose, event + (1 << 20)), Error::kBadHandle, "stale generation");
  expect_error(call(Call::kHandleClose, 0), Error::kBadHandle, "handle 0");
  expect_error(call(Call::kEventSignal, event, ~u64{0}), Error::kNoSpace, "count overflow");
  const i64 weak = call(Call::kHandleDuplicate, event, Rights::kInspect);
  expect_error(call(Call::kEventSignal, weak, 1), Error::kNoRight, "signal without right");
  expect_error(call(Call::kMemoryResize, event, 0), Error::kWrongType, "event as memory");
  HandleInfo info{};
  expect(call(Call::kHandleInfo, weak, &info) == 0 && info.type == ObjectType::kEvent && info.rights == Rights::kInspect, "handle info", 0);
  expect(call(Call::kHandleClose, event) == 0 && call(Call::kHandleClose, weak) == 0, "close", 0);
  expect_error(call(Call::kHandleClose, event), Error::kBadHandle, "close twice");
}

void test_ring(UserRing& ring) {
  expect(ring.create(64, 64) > 0, "ring create", ring.handle);
  ring.push(Operation::kNop, 0, 7);
  expect(ring.enter(1, 1) == 1, "enter", 0);
  Completion c = ring.take();
  expect(c.user_data == 7 && c.result == 0, "nop", c.result);
  const u64 start = static_cast<u64>(call(Call::kClockRead, Clock::kMonotonic));
  ring.push(Operation::kTimeout, 0, 8, start + 5'000'000);
  expect(ring.enter(1, 1) == 1, "enter timeout", 0);
  c = ring.take();
  expect(c.user_data == 8 && c.result == -static_cast<i64>(Error::kTimedOut), "timeout", c.result);
  const i64 slept = call(Call::kClockRead, Clock::kMonotonic) - static_cast<i64>(start);
  expect(slept >= 5'000'000, "slept too short", slept);
  expect_error(ring.enter(0, 1, start), Error::kTimedOut, "past deadline");
  expect_error(ring.enter(0, 1, start + 20'000'000), Error::kTimedOut, "deadline");
  const i64 event = call(Call::kEventCreate);
  ring.push(Operation::kEventWait, static_cast<Handle>(event), 9);
  ring.push(Operation::kEventWait, static_cast<Handle>(event), 10);
  ring.push(Operation::kCancel, 0, 11, 10);
  expect(ring.enter(3, 2) == 3, "enter cancel", 0);
  c = ring.take();
  expect(c.user_data == 10 && c.result == -static_cast<i64>(Error::kCancelled), "cancelled", c.result);
  c = ring.take();
  expect(c.user_data == 11 && c.result == 0, "cancel", c.result);
  expect(call(Call::kEventSignal, event, 5) == 0, "signal", 0);
  c = ring.take();
  expect(c.user_data == 9 && c.result == 5, "event count", c.result);
  ring.push(static_cast<Operation>(999), 0, 12);
  ring.enter(1, 1);
  expect_error(ring.take().result, Error::kUnknownCall, "unknown operation");
  u32 futex = 3;
  ring.push(Operation::kFutexWait, 0, 13, word(&futex), 4, kNever);
  ring.enter(1, 1);
  expect_error(ring.take().result, Error::kMismatch, "futex mismatch");
  ring.push(Operation::kFutexWait, 0, 14, word(&futex), 3, kNever);
  ring.push(Operation::kFutexWake, 0, 15, word(&futex), 1);
  ring.enter(2, 2);
  expect(ring.take().user_data == 14 && ring.take().result == 1, "futex wake", 0);
}

void test_overflow() {
  UserRing ring;
  ring.create(32, 4);
  for (u64 i = 0; i < 8; ++i) ring.push(Operation::kNop, 0, i);
  const i64 consumed = ring.enter(8, 0);
  expect(consumed == 5, "consumed until the spare was used", consumed);
  for (u64 want = 0; want < 8; ++want) {
    if (ring.available() == 0) ring.enter(8, 1);
    const Completion c = ring.take();
    expect(c.user_data == want, "order of overflow", static_cast<i64>(c.user_data));
  }
  ring.header->submit_tail.store(1000000);
  expect_error(ring.enter(1, 0), Error::kInvalidArgument, "hostile tail");
  ring.header->complete_head.store(77);
  expect(ring.enter(0, 0) == 0, "hostile head", 0);
  expect(call(Call::kHandleClose, ring.handle) == 0, "ring close", 0);
}

void test_channel(UserRing& ring) {
  Handle ends[2];
  expect(call(Call::kChannelCreate, ends) == 0, "channel", 0);
  char out[16] = "fifteen letters", in[16] = {};
  u64 reply = 0, answer = 0x1234;
  Handle handles[2] = {static_cast<Handle>(call(Call::kEventCreate)), 0};
  ring.push(Operation::kChannelReceive, ends[1], 1, word(in), sizeof in, word(&handles[1]), 1);
  ring.push(Operation::kChannelCall, ends[0], 2, word(out), sizeof out, 0, 0, word(&reply), sizeof reply);
  expect(ring.enter(2, 1) == 2, "call", 0);
  Completion c = ring.take();
  expect(c.user_data == 1 && c.result == 16 && c.value[0] != 0 && in[0] == 'f', "receive", c.result);
  expect(call(Call::kChannelReply, ends[1], c.value[0], &answer, sizeof answer, 0, 0) == 0, "reply", 0);
  expect_error(call(Call::kChannelReply, ends[1], c.value[0], &answer, sizeof answer, 0, 0), Error::kNotFound, "second reply");
  c = ring.take();
  expect(c.user_data == 2 && c.result == 8 && reply == 0x1234, "call result", c.result);
  ring.push(Operation::kChannelSend, ends[0], 3, word(out), 4, word(&handles[0]), 1);
  ring.push(Operation::kChannelReceive, ends[1], 4, word(in), 2, word(&handles[1]), 1);
  ring.push(Operation::kChannelReceive, ends[1], 5, word(in), 16, word(&handles[1]), 1);
  ring.enter(3, 3);
  expect(ring.take().result == 0, "send", 0);
  c = ring.take();
  expect(c.user_data == 4 && c.result == -static_cast<i64>(Error::kTooBig) && c.value[0] == 4 && c.value[1] == 1, "too big", c.result);
  c = ring.take();
  expect(c.user_data == 5 && c.result == 4 && c.value[1] == 1, "with handle", c.result);
  expect_error(call(Call::kHandleClose, handles[0]), Error::kBadHandle, "the handle moved");
  expect(call(Call::kEventSignal, handles[1], 1) == 0, "moved handle works", 0);
  for (u64 i = 0; i < 66; ++i) {
    ring.push(Operation::kChannelSend, ends[0], 100 + i, word(out), 300 % 17, 0, 0);
    ring.enter(1, 0);
  }
  expect(ring.available() == 64 - 0 || ring.available() == 64, "back-pressure", ring.available());
  while (ring.available() > 0) ring.take();
  ring.push(Operation::kChannelReceive, ends[1], 6, word(in), 16, 0, 0);
  ring.enter(1, 2);
  expect(ring.available() == 2, "room lets a sender go on", ring.available());
  while (ring.available() > 0) ring.take();
  ring.push(Operation::kChannelReceive, ends[0], 7, word(in), 16, 0, 0);
  ring.push(Operation::kChannelCall, ends[0], 8, word(out), 4, 0, 0, word(&reply), 8);
  ring.enter(2, 0);
  call(Call::kHandleClose, ends[1]);
  u32 closed = 0;
  while (ring.available() > 0)
    if (ring.take().result == -static_cast<i64>(Error::kPeerClosed)) ++closed;
  expect(closed == 3, "peer closed", closed);
}

alignas(16) u8 stacks[4][16384];
Handle thread_event;
volatile u32 thread_ran = 0;

[[noreturn]] void thread_main(u64 argument) {
  __atomic_fetch_add(&thread_ran, 1, __ATOMIC_SEQ_CST);
  call(Call::kEventSignal, thread_event, argument);
  for (;;) call(Call::kThreadExit, 40 + argument);
}
[[noreturn]] void spinner(u64) {
  for (;;) asm volatile("pause");
}

Handle make_thread(void (*entry)(u64), u32 index, u64 argument, u32 priority = kPriorityFair) {
  ThreadRequest request{word(entry), word(&stacks[index][16384 - 8]), argument, 0, priority, 0, 0};
  return static_cast<Handle>(call(Call::kThreadCreate, kOwnSpace, &request));
}

void test_threads(UserRing& ring) {
  thread_event = static_cast<Handle>(call(Call::kEventCreate));
  const Handle thread = make_thread(thread_main, 0, 2);
  ring.push(Operation::kThreadWait, thread, 1);
  ring.push(Operation::kEventWait, thread_event, 2);
  ring.enter(2, 0);
  expect(call(Call::kThreadStart, thread) == 0, "start", 0);
  const i64 again = call(Call::kThreadStart, thread);  // on another processor it may have ended already
  expect(again == -static_cast<i64>(Error::kBusy) || again == -static_cast<i64>(Error::kTerminated), "start twice", again);
  expect(ring.enter(0, 2) == 0, "wait for thread", 0);
  expect(ring.take().result == 2, "event of thread", 0);
  Completion c = ring.take();
  expect(c.user_data == 1 && c.result == 42, "exit code", c.result);
  expect_error(call(Call::kThreadStart, thread), Error::kTerminated, "start after end");
  const Handle spin = make_thread(spinner, 1, 0);
  ring.push(Operation::kThreadWait, spin, 3);
  ring.enter(1, 0);
  call(Call::kThreadStart, spin);
  u64 until = static_cast<u64>(call(Call::kClockRead, Clock::kMonotonic)) + 30'000'000;
  ring.enter(0, 1, until);
  ThreadInfo info{};
  call(Call::kThreadInfo, spin, &info);
  expect(info.user_ns > 10'000'000 && (info.state == 1 || info.state == 2), "spinner ran", static_cast<i64>(info.user_ns));
  call(Call::kThreadKill, spin, 9);
  ring.enter(0, 1);
  expect(ring.take().result == 9, "killed", 0);
}

// --- Supervision: a program of a few instructions in a space of its own. ---

// mov eax, 39; syscall; jmp back
constexpr u8 kGetpidLoop[] = {0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7};
// jmp self
constexpr u8 kSpin[] = {0xeb, 0xfe};

struct Program {
  Handle space = 0, thread = 0;
  ThreadPage* page = nullptr;
};

Program make_program(const u8* code, usize bytes) {
  Program program;
  program.space = static_cast<Handle>(call(Call::kSpaceCreate, SpaceFlags::kSupervised));
  MapRequest map{0x10000, 4096, Protection::kRead | Protection::kWrite | Protection::kExecute, MapFlags::kFixed, 0, 7, 0, 0, 0, 0};
  expect(call(Call::kSpaceMap, program.space, &map) == 0x10000, "map program", 0);
  const i64 copied = call(Call::kCopy, program.space, 0x10000, kOwnSpace, code, bytes);
  expect(copied == static_cast<i64>(bytes), "copy program", copied);
  ThreadRequest request{};
  program.thread = static_cast<Handle>(call(Call::kThreadCreate, program.space, &request));
  program.page = reinterpret_cast<ThreadPage*>(request.page);
  program.page->rip = 0x10000;
  return program;
}

void test_supervised(UserRing& ring) {
  Program program = make_program(kGetpidLoop, sizeof kGetpidLoop);
  for (u32 i = 0; i < 3; ++i) {
    ring.push(Operation::kThreadResume, program.thread, 50 + i);
    expect(ring.enter(1, 1) == 1, "resume", 0);
    const Completion c = ring.take();
    expect(c.user_data == 50 + i && c.result == static_cast<i64>(Trap::kCall) && program.page->rax == 39, "trap", c.result);
  }
  program.page->rip = 0xdead0000;
  ring.push(Operation::kThreadResume, program.thread, 60);
  ring.enter(1, 1);
  Completion c = ring.take();
  expect(c.result == static_cast<i64>(Trap::kException) && c.value[0] == 14 && program.page->fault_address == 0xdead0000 &&
             (program.page->error_code & kFaultUnmapped) != 0,
         "page fault", c.result);
  program.page->rip = 0x8000'0000'0000'0000;  // not canonical
  ring.push(Operation::kThreadResume, program.thread, 61);
  ring.enter(1, 1);
  c = ring.take();
  expect(c.result == static_cast<i64>(Trap::kException) && c.value[0] == 13, "bad rip", static_cast<i64>(c.value[0]));
  program.page->rip = 0x10000;
  expect(call(Call::kThreadInterrupt, program.thread) == 0, "interrupt", 0);
  ring.push(Operation::kThreadResume, program.thread, 62);
  ring.enter(1, 1);
  expect(ring.take().result == static_cast<i64>(Trap::kInterrupted), "sticky interrupt", 0);
  call(Call::kCopy, program.space, 0x10000, kOwnSpace, kSpin, sizeof kSpin);
  ring.push(Operation::kThreadResume, program.thread, 63);
  const u64 until = static_cast<u64>(call(Call::kClockRead, Clock::kMonotonic)) + 10'000'000;
  expect_error(ring.enter(1, 1, until), Error::kTimedOut, "spinning program");
  call(Call::kThreadInterrupt, program.thread);
  expect(ring.enter(0, 1) == 0, "wait for interrupt", 0);
  expect(ring.take().result == static_cast<i64>(Trap::kInterrupted), "interrupted", 0);
  ring.push(Operation::kThreadResume, program.thread, 64);
  ring.push(Operation::kSpaceWait, program.space, 65);
  ring.enter(2, 0);
  expect(call(Call::kSpaceTerminate, program.space, 3) == 0, "terminate", 0);
  ring.enter(0, 2);
  c = ring.take();
  expect(c.user_data == 64 && c.result == static_cast<i64>(Trap::kKilled), "killed trap", c.result);
  c = ring.take();
  expect(c.user_data == 65 && c.result == 3 && c.value[0] == static_cast<u64>(ThreadEnd::kKilled), "space end", c.result);
  call(Call::kHandleClose, program.thread);
  call(Call::kHandleClose, program.space);
}

// Runs in a process of its own, a copy of this one: answers messages until the channel closes. Messages travel in the entries; each reply
// goes with the next receive.
[[noreturn]] void echo_server(u64 channel) {
  UserRing ring;
  ring.create(8, 8);
  ring.next() = {Operation::kChannelReceive, kSubmitInline, static_cast<Handle>(channel), 1, {}};
  ring.push();
  ring.enter(1, 1);
  for (;;) {
    const Completion c = ring.take();
    if (c.result < 0) break;
    Submission& next = ring.next();
    next.operation = Operation::kChannelReply;
    next.flags = kSubmitInline | kSubmitReceive;
    next.handle = static_cast<Handle>(channel);
    next.user_data = 1;
    next.args[0] = c.value[0] + 1;
    next.args[1] = c.value[1];
    next.args[2] = inline_bytes(c.result);
    next.args[4] = inline_transaction(c.result);
    ring.push();
    ring.enter(1, 1);
  }
  for (;;) call(Call::kThreadExit, 5);
}

struct EchoProcess {
  Handle space = 0, channel = 0;
};

EchoProcess start_echo() {
  EchoProcess echo;
  Handle ends[2];
  call(Call::kChannelCreate, ends);
  echo.channel = ends[0];
  echo.space = static_cast<Handle>(call(Call::kSpaceCreate, SpaceFlags::kNone));
  const i64 given = call(Call::kHandleGive, echo.space, ends[1], Rights::kAll);
  expect(given > 0, "give", given);
  call(Call::kHandleClose, ends[1]);
  const i64 cloned = call(Call::kSpaceClone, kOwnSpace, echo.space);
  expect(cloned == 0, "clone", cloned);
  ThreadRequest request{word(&echo_server), word(&stacks[3][16384 - 8]), static_cast<u64>(given), 0, kPriorityDriver, 0, 0};
  const i64 thread = call(Call::kThreadCreate, echo.space, &request);
  expect(thread > 0, "thread of another process", thread);
  call(Call::kThreadStart, thread);
  call(Call::kHandleClose, thread);
  return echo;
}

u64 call_echo(UserRing& ring, const EchoProcess& echo, u64 value) {
  Submission& next = ring.next();
  next.operation = Operation::kChannelCall;
  next.flags = kSubmitInline;
  next.handle = echo.channel;
  next.user_data = 1;
  next.args[0] = value;
  next.args[1] = 0;
  next.args[2] = 2 * sizeof value;
  ring.push();
  ring.enter(1, 1);
  const Completion c = ring.take();
  return c.result == 16 ? c.value[0] : 0;
}

void test_processes(UserRing& ring) {
  const EchoProcess echo = start_echo();
  for (u64 i = 1; i < 20; ++i) {
    const u64 answer = call_echo(ring, echo, i);
    expect(answer == i + 1, "echo", static_cast<i64>(answer));
  }
  ring.push(Operation::kSpaceWait, echo.space, 2);
  ring.enter(1, 0);
  call(Call::kHandleClose, echo.channel);
  ring.enter(0, 1);
  const Completion c = ring.take();
  expect(c.result == 5 && c.value[0] == static_cast<u64>(ThreadEnd::kExited), "echo ended", c.result);
  call(Call::kHandleClose, echo.space);
}

// --- Costs, meaningful with -icount shift=0 (1 ns = 1 instruction). ---

void measure(UserRing& ring, u64 tsc_hz) {
  constexpr u64 kRounds = 1000;
  const auto report = [&](const char* what, u64 ticks, u64 rounds) {
    Line() << "cost: " << what << " " << static_cast<i64>(ticks * 1'000'000 / (tsc_hz / 1000) / rounds) << " ns";
  };
  for (u64 i = 0; i < 10; ++i) call(Call::kNull);
  u64 start = time_stamp();
  for (u64 i = 0; i < kRounds; ++i) call(Call::kNull);
  report("null call", time_stamp() - start, kRounds);
  start = time_stamp();
  for (u64 i = 0; i < kRounds; ++i) ring.enter(0, 0);
  report("ring_enter(0, 0)", time_stamp() - start, kRounds);
  Program program = make_program(kGetpidLoop, sizeof kGetpidLoop);
  for (u64 i = 0; i < kRounds + 10; ++i) {
    if (i == 10) start = time_stamp();
    ring.push(Operation::kThreadResume, program.thread, i);
    ring.enter(1, 1);
    ring.take();
  }
  report("resume and trap", time_stamp() - start, kRounds);
  call(Call::kHandleClose, program.thread);
  call(Call::kHandleClose, program.space);
  const EchoProcess echo = start_echo();
  for (u64 i = 0; i < kRounds + 10; ++i) {
    if (i == 10) start = time_stamp();
    call_echo(ring, echo, i);
  }
  report("message one way", time_stamp() - start, 2 * kRounds);
  call(Call::kHandleClose, echo.channel);
  call(Call::kHandleClose, echo.space);
}

}  // namespace

extern "C" [[noreturn]] void selftest_main(const u64* stack) {
  const Handle resource = startup_handle(stack, kStartupResource);
  SystemInfo info{};
  expect(call(Call::kSystemInfo, &info) == 0, "system info", 0);
  Line() << "selftest: " << info.cpu_count << " processors, " << static_cast<i64>(info.memory_free >> 20) << " MiB free";
  UserRing ring;
#if !HATI_MEASURE_ONLY
  test_handles();
  test_ring(ring);
  test_overflow();
  test_channel(ring);
  test_threads(ring);
  test_supervised(ring);
  test_processes(ring);
#else
  ring.create(64, 64);
#endif
  measure(ring, info.tsc_hz);
  Line() << "selftest: " << static_cast<i64>(checks) << " checks, " << static_cast<i64>(failures) << " failures";
  call(Call::kPower, resource, failures == 0 ? PowerAction::kOff : PowerAction::kPanic, 1);
  for (;;) call(Call::kThreadExit, 1);
}

// The compiler calls these for large objects.
extern "C" void* memset(void* at, int value, usize bytes) {
  for (usize i = 0; i < bytes; ++i) static_cast<volatile u8*>(at)[i] = static_cast<u8>(value);
  return at;
}
extern "C" void* memcpy(void* to, const void* from, usize bytes) {
  for (usize i = 0; i < bytes; ++i) static_cast<volatile u8*>(to)[i] = static_cast<const u8*>(from)[i];
  return to;
}

asm(R"(
.globl _start
_start:
  mov %rsp, %rdi
  and $-16, %rsp
  call selftest_main
)");

}  // namespace hati::test
