// SPDX-License-Identifier: MIT
// Paged memory with a pager in another process: faults that wait, write-back, pressure, errors, the pager's end.
#include "runtime/log.h"
#include "runtime/operation.h"
#include "runtime/supervise.h"
#include "tests/native/cases.h"

namespace hati::native_tests {
namespace {

struct File {
  Memory memory;
  u64 number = 0;
};

Task<Result<File>> open(Fixture& fixture, u64 pages) {
  Attachments out;
  const auto reply = CO_TRY(co_await fixture.pager.call(OpenPagedRequest{.pages = pages}, nullptr, &out));
  if (out.handles.size() != 1) co_return fail(Error::kBadData);
  co_return File{Memory(out.handles[0].release()), reply.file};
}

Task<Result<PagedStatsReply>> control(Fixture& fixture, const File& file, PagedControl what, u64 argument = 0) {
  co_return co_await fixture.pager.call(PagedControlRequest{.file = file.number, .argument = argument, .what = what, .reserved = 0});
}

// Reads or writes the first word of a page, bringing it if need be.
Task<Result<u64>> get(const File& file, u64 page) {
  for (;;) {
    u64 word = 0;
    const auto got = file.memory.read(page * kPageSize, std::as_writable_bytes(std::span(&word, 1)));
    if (got) co_return word;
    if (got.error() != Error::kNotResident) co_return fail(got.error());
    CO_TRY(co_await page_in(file.memory.get(), page * kPageSize, sizeof word, false));
  }
}
Task<Result<void>> put(const File& file, u64 page, u64 word) {
  for (;;) {
    const auto done = file.memory.write(page * kPageSize, std::as_bytes(std::span(&word, 1)));
    if (done) co_return Result<void>{};
    if (done.error() != Error::kNotResident) co_return fail(done.error());
    CO_TRY(co_await page_in(file.memory.get(), page * kPageSize, sizeof word, true));
  }
}

constexpr Protection kReadWrite = Protection::kRead | Protection::kWrite;

Task<Verdict> paged_read_and_write(Fixture& fixture) {
  const auto file = co_await open(fixture, 256);
  EXPECT(file);
  EXPECT(co_await get(*file, 3) == kDiskWord);
  auto mapping = file->memory.map(0, 256 * kPageSize, kReadWrite);
  EXPECT(mapping);
  volatile u64* words = mapping->as<volatile u64>();
  EXPECT(words[200 * 512] == kDiskWord && words[200 * 512 + 1] == 200);  // the thread waits in the kernel
  EXPECT(file->memory.memory_info()->dirty_bytes == 0);
  words[7 * 512] = 77;
  EXPECT(co_await put(*file, 8, 88));
  EXPECT(co_await get(*file, 7) == 77u && words[8 * 512] == 88);
  EXPECT(file->memory.memory_info()->dirty_bytes == 2 * kPageSize);
  const auto synced = co_await control(fixture, *file, PagedControl::kSync);
  EXPECT(synced && synced->cleaned == 2);
  EXPECT(file->memory.memory_info()->dirty_bytes == 0);
  words[7 * 512] = 78;  // it lost its write access and is dirty again
  EXPECT(file->memory.memory_info()->dirty_bytes == kPageSize);
  EXPECT(co_await control(fixture, *file, PagedControl::kSync));
  EXPECT(file->memory.advise(MemoryAdvice::kDontNeed, 0, 256 * kPageSize));
  EXPECT(file->memory.memory_info()->resident_bytes == 0);
  EXPECT(words[7 * 512] == 78 && words[8 * 512] == 88);
  co_return "";
}

Task<Verdict> paged_rights(Fixture& fixture) {
  const auto file = co_await open(fixture, 4);
  EXPECT(file);
  EXPECT(call::memory_page_in_done(file->memory.get(), 0, kPageSize, 0) == fail(Error::kNoRight));
  EXPECT(call::memory_resize(file->memory.get(), kPageSize) == fail(Error::kNoRight));
  const auto plain = Memory::create(kPageSize);
  EXPECT(plain && call::memory_page_in_done(plain->get(), 0, kPageSize, 0) == fail(Error::kNotSupported));
  EXPECT(co_await page_in(plain->get(), 0, 1, false));
  co_return "";
}

Task<Verdict> paged_errors(Fixture& fixture) {
  const auto file = co_await open(fixture, 64);
  EXPECT(file);
  EXPECT(co_await control(fixture, *file, PagedControl::kFailPage, 9));
  EXPECT((co_await get(*file, 9)).error() == Error::kIo);
  EXPECT(co_await get(*file, 10) == kDiskWord);
  EXPECT(co_await control(fixture, *file, PagedControl::kFailPage, ~u64{0}));
  EXPECT(co_await get(*file, 9) == kDiskWord);
  co_return "";
}

Task<Verdict> paged_truncation(Fixture& fixture) {
  const auto file = co_await open(fixture, 64);
  EXPECT(file);
  auto mapping = file->memory.map(0, 64 * kPageSize, kReadWrite);
  EXPECT(mapping);
  volatile u64* words = mapping->as<volatile u64>();
  words[40 * 512] = 5;
  words[10 * 512] = 6;
  EXPECT(co_await control(fixture, *file, PagedControl::kTruncate, 20));
  EXPECT((co_await get(*file, 40)).error() == Error::kBadAddress);
  EXPECT(words[10 * 512] == 6);
  EXPECT(co_await control(fixture, *file, PagedControl::kTruncate, 64));
  EXPECT(words[40 * 512] == kDiskWord);  // nobody wrote the 5 back
  EXPECT(co_await control(fixture, *file, PagedControl::kPunch, 10));
  EXPECT(words[10 * 512] == kDiskWord);
  co_return "";
}

// A program of two instructions: reads through rdi, makes a call.
struct Program {
  Space space;
  SupervisedThread thread;
};
constexpr u64 kCode = 0x10000, kData = 0x200000;

Result<Program> start_program(const File& file) {
  constexpr u8 kInstructions[] = {0x48, 0x8b, 0x07, 0x0f, 0x05};  // mov (%rdi), %rax; syscall
  Program program;
  program.space = TRY(Space::create(SpaceFlags::kSupervised));
  constexpr auto kAll = Protection::kRead | Protection::kWrite | Protection::kExecute;
  TRY(program.space.map({.address = kCode, .bytes = kPageSize, .protection = kAll, .flags = MapFlags::kFixed, .max_protection = static_cast<u32>(kAll)}));
  TRY(program.space.write(kCode, std::as_bytes(std::span(kInstructions))));
  TRY(program.space.map({.address = kData, .bytes = 64 * kPageSize, .protection = kReadWrite, .flags = MapFlags::kFixed | MapFlags::kShared,
                         .memory = file.memory.get(), .max_protection = static_cast<u32>(kReadWrite)}));
  program.thread = TRY(SupervisedThread::create(program.space.get()));
  program.thread.page().rip = kCode;
  program.thread.page().rdi = kData;
  return program;
}

Task<void> resume(const SupervisedThread& thread, Trap& trap) { trap = co_await thread.resume(); }

Task<Verdict> paged_program_faults(Fixture& fixture) {
  const auto file = co_await open(fixture, 64);
  EXPECT(file);
  const auto program = start_program(*file);
  EXPECT(program);
  const ThreadPage& page = program->thread.page();
  EXPECT(co_await control(fixture, *file, PagedControl::kFailPage, 0));
  EXPECT(co_await program->thread.resume() == Trap::kException);
  EXPECT(page.vector == 14 && (page.error_code & kFaultIo) != 0 && page.fault_address == kData);
  EXPECT(co_await control(fixture, *file, PagedControl::kFailPage, ~u64{0}));
  EXPECT(co_await control(fixture, *file, PagedControl::kStall));
  Trap trap = Trap::kNone;
  Scope scope;
  scope.start(resume(program->thread, trap));
  (void)co_await sleep_for(20 * kNsPerMs);  // it waits for its page by now, or will soon
  EXPECT(trap == Trap::kNone);
  EXPECT(program->thread.interrupt());
  co_await scope.join();
  EXPECT(trap == Trap::kInterrupted && page.rip == kCode);
  Scope again;
  again.start(resume(program->thread, trap));
  EXPECT(co_await control(fixture, *file, PagedControl::kGoOn));
  co_await again.join();
  EXPECT(trap == Trap::kCall && page.rax == kDiskWord);
  EXPECT(program->space.space_info()->major_faults >= 2);
  co_return "";
}

Task<Verdict> paged_waiter_killed(Fixture& fixture) {
  const auto file = co_await open(fixture, 64);
  EXPECT(file);
  EXPECT(co_await control(fixture, *file, PagedControl::kStall));
  const auto program = start_program(*file);
  EXPECT(program);
  Trap trap = Trap::kNone;
  Scope scope;
  scope.start(resume(program->thread, trap));
  (void)co_await sleep_for(20 * kNsPerMs);
  EXPECT(program->thread.handle().kill(0));
  co_await scope.join();
  EXPECT(trap == Trap::kKilled);
  EXPECT(co_await control(fixture, *file, PagedControl::kGoOn));
  EXPECT(co_await get(*file, 0) == kDiskWord);
  co_return "";
}

// More dirty pages than the machine has memory.
Task<Verdict> paged_pressure(Fixture& fixture) {
  SystemInfo system{};
  EXPECT(call::system_info(system));
  const u64 pages = system.memory_total / kPageSize * 3 / 2;
  const auto file = co_await open(fixture, pages);
  EXPECT(file);
  auto mapping = file->memory.map(0, pages * kPageSize, kReadWrite);
  EXPECT(mapping);
  volatile u64* words = mapping->as<volatile u64>();
  for (u64 page = 0; page < pages; ++page) words[page * 512] = page * 3 + 1;
  u64 wrong = 0;
  for (u64 page = 0; page < pages; ++page) wrong += words[page * 512] != page * 3 + 1 || words[page * 512 + 1] != page;
  EXPECT(wrong == 0);
  const auto stats = co_await control(fixture, *file, PagedControl::kStats);
  EXPECT(stats && stats->cleaned > pages / 3 && stats->page_ins > pages);
  // Memory for a program's own pages comes out of the cache.
  const auto anonymous = Memory::create(system.memory_total / 2);
  EXPECT(anonymous);
  auto own = anonymous->map(0, system.memory_total / 2, kReadWrite);
  EXPECT(own);
  for (u64 at = 0; at < system.memory_total / 2 / 8; at += 512) own->as<volatile u64>()[at] = at;
  for (u64 at = 0; at < system.memory_total / 2 / 8; at += 512) wrong += own->as<volatile u64>()[at] != at;
  EXPECT(wrong == 0);
  log_info("bench paged-pressure {} pages brought, {} cleaned", stats->page_ins, stats->cleaned);
  co_return "";
}

// The last case: nobody answers any more.
Task<Verdict> paged_pager_ends(Fixture& fixture) {
  const auto file = co_await open(fixture, 64);
  EXPECT(file);
  EXPECT(co_await get(*file, 3) == kDiskWord);
  EXPECT(co_await control(fixture, *file, PagedControl::kDie));
  auto gone = co_await get(*file, 60);
  EXPECT(gone.error() == Error::kPeerClosed);
  EXPECT(co_await get(*file, 3) == kDiskWord);
  co_return "";
}

constexpr Case kCases[] = {
    {"paged-read-and-write", paged_read_and_write}, {"paged-rights", paged_rights},     {"paged-errors", paged_errors},
    {"paged-truncation", paged_truncation},         {"paged-pressure", paged_pressure}, {"paged-program-faults", paged_program_faults},
    {"paged-waiter-killed", paged_waiter_killed},   {"paged-pager-ends", paged_pager_ends},
};

}  // namespace

std::span<const Case> paged_cases() { return kCases; }

}  // namespace hati::native_tests
