// SPDX-License-Identifier: MIT
// Runs as the first process and measures memory operations in time-stamp ticks; with QEMU's -icount shift=0 one tick is one instruction.
// run_first.sh KERNEL memory_bench.cpp -icount shift=0,sleep=off
#include "kernel/call/testing/native.h"

namespace hati::test {
namespace {

constexpr u64 kArea = kServerBase + (u64{4} << 30);

i64 map(u64 address, u64 bytes, u32 protection = 3, Handle memory = kNoHandle, MapFlags flags = MapFlags::kNone) {
  MapRequest request{address, bytes, static_cast<Protection>(protection), MapFlags::kFixed | flags, memory, 7, 0, 0, 0, 0};
  return call(Call::kSpaceMap, kOwnSpace, &request);
}

void report(const char* what, u64 ticks, u64 count) { Line() << what << ": " << static_cast<i64>(ticks / count); }

template <class F>
u64 ticks(F&& f) {
  const u64 start = time_stamp();
  f();
  return time_stamp() - start;
}

void write_pages(u64 address, u64 count) {
  for (u64 i = 0; i < count; ++i) *reinterpret_cast<volatile u64*>(address + i * kPageSize) = i;
}
void read_pages(u64 address, u64 count) {
  for (u64 i = 0; i < count; ++i) static_cast<void>(*reinterpret_cast<volatile u64*>(address + i * kPageSize));
}

void measure_faults() {
  map(kArea, 256 * kPageSize);
  write_pages(kArea, 1);
  report("anonymous write fault", ticks([] { write_pages(kArea + kPageSize, 128); }), 128);
  report("anonymous read fault", ticks([] { read_pages(kArea + 129 * kPageSize, 64); }), 64);
  report("write fault on the zero page", ticks([] { write_pages(kArea + 129 * kPageSize, 64); }), 64);
  report("unmap 256 pages, per page", ticks([] { call(Call::kSpaceUnmap, kOwnSpace, kArea, 256 * kPageSize); }), 256);
  report("map + unmap of an untouched page", ticks([] {
           for (u32 i = 0; i < 32; ++i) map(kArea, kPageSize), call(Call::kSpaceUnmap, kOwnSpace, kArea, kPageSize);
         }),
         32);
  map(kArea, 4 * kPageSize);
  write_pages(kArea, 4);
  report("protect of 4 pages", ticks([] {
           for (u32 i = 0; i < 32; ++i) call(Call::kSpaceProtect, kOwnSpace, kArea, 4 * kPageSize, 1 + 2 * (i & 1));
         }),
         32);
  constexpr u64 kLarge = 8 * kLargePageSize;
  map(kArea, kLarge);
  report("walk through 16 MiB, per page", ticks([] { write_pages(kArea, kLarge / kPageSize); }), kLarge / kPageSize);
  report("unmap of 16 MiB", ticks([] { call(Call::kSpaceUnmap, kOwnSpace, kArea, kLarge); }), 1);
}

void measure_fork() {
  map(kArea, 30 * kPageSize);
  write_pages(kArea, 30);
  for (u32 round = 0; round < 4; ++round) {
    i64 child = 0;
    report("space create", ticks([&] { child = call(Call::kSpaceCreate, SpaceFlags::kNone); }), 1);
    i64 result = 0;
    report("space clone", ticks([&] { result = call(Call::kSpaceClone, kOwnSpace, child); }), 1);
    if (result != 0) Line() << "FAILED: clone gave " << result;
    report("copy-on-write fault", ticks([] { write_pages(kArea, 30); }), 30);
    report("space terminate and close", ticks([&] {
             call(Call::kSpaceTerminate, child, 0);
             call(Call::kHandleClose, child);
             for (u32 i = 0; i < 8; ++i) call(Call::kNull);
           }),
           1);
  }
  SpaceInfo info{};
  call(Call::kSpaceInfo, kOwnSpace, &info);
  Line() << "resident pages: " << static_cast<i64>(info.resident_bytes / kPageSize)
         << ", table pages: " << static_cast<i64>(info.page_table_bytes / kPageSize);
}

void measure_copies() {
  map(kArea, 64 * kPageSize);
  write_pages(kArea, 64);
  u64 word = 0;
  report("copy of 8 bytes", ticks([&] {
           for (u32 i = 0; i < 64; ++i) call(Call::kCopy, kOwnSpace, kArea + 8 * i, kOwnSpace, &word, 8);
         }),
         64);
  report("copy of 64 KiB", ticks([&] { call(Call::kCopy, kOwnSpace, kArea, kOwnSpace, kArea + 32 * kPageSize, 65536); }), 1);
  report("null call", ticks([&] {
           for (u32 i = 0; i < 64; ++i) call(Call::kNull);
         }),
         64);
  SystemInfo info{};
  call(Call::kSystemInfo, &info);
  Line() << "memory: total " << static_cast<i64>(info.memory_total >> 10) << " KiB, free " << static_cast<i64>(info.memory_free >> 10)
         << " KiB, kernel " << static_cast<i64>(info.memory_kernel >> 10) << " KiB";
}

}  // namespace

extern "C" [[noreturn]] void memory_bench_main(const u64* stack) {
  measure_faults();
  measure_fork();
  measure_copies();
  call(Call::kPower, startup_handle(stack, kStartupResource), PowerAction::kOff, 0);
  for (;;) call(Call::kThreadExit, 1);
}

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
  call memory_bench_main
)");

}  // namespace hati::test
