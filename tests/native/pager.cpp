// SPDX-License-Identifier: MIT
// A file system of one kind of file, on a disk of one word per page: the pager of the tests. A page holds its disk word, then its number.
#include <memory>
#include <vector>

#include "tests/native/listener.h"
#include "tests/native/protocol.h"

namespace hati::native_tests {
namespace {

struct File {
  PagedMemory memory;
  std::vector<u64> disk;
  u64 failing_page = ~u64{0};
  u64 page_ins = 0, cleaned = 0;
  bool stalled = false;
  std::vector<PagerWork> waiting;  // until kGoOn
};

struct Files {
  Task<Result<OpenPagedReply>> on(OpenPagedRequest request, CallContext& context) {
    auto file = std::make_unique<File>();
    file->memory = CO_TRY(PagedMemory::create(pager, request.pages * kPageSize, files.size()));
    file->disk.resize(request.pages, kDiskWord);
    context.out.handles.push_back(CO_TRY(file->memory.client()));
    files.push_back(std::move(file));
    co_return OpenPagedReply{.file = files.size() - 1};
  }
  Task<Result<PagedStatsReply>> on(PagedControlRequest request, CallContext&) {
    if (request.file >= files.size()) co_return fail(Error::kNotFound);
    File& file = *files[request.file];
    switch (request.what) {
      case PagedControl::kStats: break;
      case PagedControl::kSync: clean(file); break;
      case PagedControl::kTruncate: CO_TRY(file.memory.resize(request.argument * kPageSize)); break;
      case PagedControl::kPunch: CO_TRY(file.memory.discard(request.argument * kPageSize, kPageSize)); break;
      case PagedControl::kFailPage: file.failing_page = request.argument; break;
      case PagedControl::kStall: file.stalled = true; break;
      case PagedControl::kGoOn:
        file.stalled = false;
        for (const PagerWork& work : std::exchange(file.waiting, {})) fill(file, work);
        break;
      case PagedControl::kDie:
        pager = Pager();
        files.clear();  // what clients hold stays
        co_return PagedStatsReply{};
    }
    co_return PagedStatsReply{.page_ins = file.page_ins, .cleaned = file.cleaned};
  }

  Task<void> pump() {
    for (;;) {
      const auto work = co_await pager_wait(pager.get());
      if (!work) co_return;
      File& file = *files[work->key];
      if (work->kind == PagerRequest::kWriteBack)
        clean(file);
      else if (file.stalled)
        file.waiting.push_back(*work);
      else
        fill(file, *work);
    }
  }

  void fill(File& file, const PagerWork& work) {
    for (u64 at = work.offset; at < work.offset + work.bytes; at += kPageSize) {
      const u64 page = at / kPageSize;
      ++file.page_ins;
      if (page == file.failing_page) {
        (void)file.memory.page_in_failed(at, kPageSize, Error::kIo);
        continue;
      }
      const std::array<u64, 2> words{page < file.disk.size() ? file.disk[page] : 0, page};
      (void)file.memory.write(at, std::as_bytes(std::span(words)));  // it may have been truncated away
      (void)file.memory.page_in_done(at, kPageSize);
    }
  }

  void clean(File& file) {
    for (auto range = file.memory.take_dirty(); range; range = file.memory.take_dirty()) {
      for (u64 at = range->offset; at < range->offset + range->bytes; at += kPageSize) {
        u64 word = 0;
        if (file.memory.read(at, std::as_writable_bytes(std::span(&word, 1)))) file.disk[at / kPageSize] = word;
        ++file.cleaned;
      }
      (void)file.memory.cleaned(*range);
    }
  }

  Pager pager = *Pager::create();
  std::vector<std::unique_ptr<File>> files;
};

Task<int> run() {
  Files files;
  Scope pumps;
  pumps.start(files.pump());
  const int code = co_await offer<PagedProtocol>(files);
  pumps.cancel();
  co_await pumps.join();
  co_return code;
}

}  // namespace
}  // namespace hati::native_tests

int main() {
  using namespace hati;
  log_set_name("pager");
  return Runtime::run({.workers = 1, .pin = false}, native_tests::run()).value_or(1);
}
