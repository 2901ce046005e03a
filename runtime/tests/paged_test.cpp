// SPDX-License-Identifier: MIT
// A pager and its client through the wrappers, on the in-process kernel: what a file system's tests rely on.
#include "hosted/hosted.h"
#include "runtime/combine.h"
#include "runtime/operation.h"
#include "runtime/scope.h"
#include "runtime/tests/run.h"

namespace hati {
namespace {

using testing::run;
using testing::simulate;

constexpr u64 kPages = 32;

struct Disk {
  Task<void> pump(Handle pager, PagedMemory& memory) {
    for (;;) {
      const auto work = co_await pager_wait(pager);
      if (!work) co_return;
      EXPECT_EQ(work->key, 5u);
      if (work->kind == PagerRequest::kWriteBack) {
        clean(memory);
        continue;
      }
      ++requests;
      for (u64 at = work->offset; at < work->offset + work->bytes; at += kPageSize) {
        if (at / kPageSize == failing) {
          EXPECT_TRUE(memory.page_in_failed(at, kPageSize, Error::kIo));
          continue;
        }
        EXPECT_EQ(*memory.write(at, std::as_bytes(std::span(&words[at / kPageSize], 1))), sizeof(u64));
        EXPECT_TRUE(memory.page_in_done(at, kPageSize));
      }
    }
  }
  void clean(PagedMemory& memory) {
    for (auto range = memory.take_dirty(); range; range = memory.take_dirty()) {
      for (u64 at = range->offset; at < range->offset + range->bytes; at += kPageSize)
        EXPECT_TRUE(memory.read(at, std::as_writable_bytes(std::span(&words[at / kPageSize], 1))));
      EXPECT_TRUE(memory.cleaned(*range));
    }
  }
  std::array<u64, kPages> words{};
  u64 failing = ~u64{0};
  u32 requests = 0;
};

Task<Result<u64>> get(Handle memory, u64 page) {
  for (;;) {
    u64 word = 0;
    const auto got = call::copy(kOwnSpace, reinterpret_cast<u64>(&word), memory, page * kPageSize, sizeof word);
    if (got) co_return word;
    if (got.error() != Error::kNotResident) co_return fail(got.error());
    CO_TRY(co_await page_in(memory, page * kPageSize, sizeof word, false));
  }
}

Task<Result<void>> put(Handle memory, u64 page, u64 word) {
  for (;;) {
    const auto done = call::copy(memory, page * kPageSize, kOwnSpace, reinterpret_cast<u64>(&word), sizeof word);
    if (done) co_return Result<void>{};
    if (done.error() != Error::kNotResident) co_return fail(done.error());
    CO_TRY(co_await page_in(memory, page * kPageSize, sizeof word, true));
  }
}

Task<void> a_file() {
  auto pager = Pager::create();
  auto memory = PagedMemory::create(*pager, kPages * kPageSize, 5);
  EXPECT_TRUE(memory);
  auto client = memory->client();
  EXPECT_TRUE(client);
  Disk disk;
  disk.words[3] = 33;
  disk.failing = 9;
  Scope scope;
  scope.start(disk.pump(pager->get(), *memory));

  EXPECT_EQ(co_await get(client->get(), 3), 33u);
  EXPECT_TRUE(co_await put(client->get(), 4, 44));
  EXPECT_EQ(client->memory_info()->dirty_bytes, kPageSize);
  EXPECT_EQ(co_await get(client->get(), 9), fail(Error::kIo));
  EXPECT_EQ(client->resize(kPageSize), fail(Error::kNoRight));
  EXPECT_EQ(call::memory_page_in_done(client->get(), 0, kPageSize, 0), fail(Error::kNoRight));
  hosted::evict_clean_pages();
  EXPECT_EQ(client->memory_info()->resident_bytes, kPageSize);  // the dirty one
  hosted::hint_write_back();
  (void)co_await hati::sleep_for(kNsPerMs);
  EXPECT_EQ(disk.words[4], 44u);
  EXPECT_EQ(client->memory_info()->dirty_bytes, 0u);
  hosted::evict_clean_pages();
  EXPECT_EQ(co_await get(client->get(), 4), 44u);
  EXPECT_TRUE(memory->resize(4 * kPageSize));
  EXPECT_EQ(co_await get(client->get(), 4), fail(Error::kBadAddress));
  EXPECT_TRUE(memory->resize(8 * kPageSize));
  EXPECT_EQ(co_await get(client->get(), 4), 44u);
  EXPECT_GE(disk.requests, 5u);

  pager = Pager();  // gone: the pump ends by itself
  co_await scope.join();
  EXPECT_EQ(co_await get(client->get(), 4), 44u);
  EXPECT_EQ(co_await get(client->get(), 7), fail(Error::kPeerClosed));
}

TEST(Paged, AFile) { run(2, a_file()); simulate(20, 2, a_file); }

}  // namespace
}  // namespace hati
