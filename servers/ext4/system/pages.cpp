// SPDX-License-Identifier: MIT
#include "servers/ext4/system/pages.h"

namespace hati::ext4 {

namespace {

class KernelPages final : public FilePages {
 public:
  KernelPages(PagedMemory memory, std::shared_ptr<DiskConnection> disk) : memory_(std::move(memory)), disk_(std::move(disk)) {
    disk_->remember(memory_.get());
  }
  ~KernelPages() override { disk_->forget(memory_.get()); }

  Result<OwnedHandle> client_handle() override { return OwnedHandle(TRY(memory_.client()).release()); }
  u64 bytes() const override {
    const auto info = memory_.memory_info();
    return info ? info->bytes : 0;
  }
  Result<void> resize(u64 bytes) override { return memory_.resize(bytes); }
  Result<void> discard(u64 offset, u64 bytes) override { return memory_.discard(offset, bytes); }
  Result<DirtyRun> take_dirty(u64 from) override {
    const auto range = memory_.take_dirty(from);
    if (range) return DirtyRun{range->offset, range->bytes};
    if (range.error() == Error::kNotFound) return DirtyRun{};
    return fail(range.error());
  }
  void cleaned(DirtyRun run, bool worked) override {
    const DirtyRange range{.offset = run.offset, .bytes = run.bytes};
    (void)(worked ? memory_.cleaned(range) : memory_.not_cleaned(range, Error::kIo));
  }
  void page_in_done(u64 offset, u64 bytes, bool worked) override {
    (void)(worked ? memory_.page_in_done(offset, bytes) : memory_.page_in_failed(offset, bytes, Error::kIo));
  }
  Piece piece(u64 offset, u64 bytes) override { return {.memory = memory_.get(), .offset = offset, .size = bytes}; }

 private:
  const PagedMemory memory_;
  const std::shared_ptr<DiskConnection> disk_;
};

}  // namespace

Result<std::unique_ptr<PageStore>> KernelPageStore::create(std::shared_ptr<DiskConnection> disk) {
  return std::make_unique<KernelPageStore>(TRY(Pager::create()), std::move(disk));
}

Result<std::unique_ptr<FilePages>> KernelPageStore::create(u64 bytes, u64 key) {
  return std::make_unique<KernelPages>(TRY(PagedMemory::create(pager_, bytes, key)), disk_);
}

Task<Result<PageRequest>> KernelPageStore::next() {
  const auto work = co_await pager_wait(pager_.get());
  if (!work) co_return fail(work.error());
  co_return PageRequest{
      .write_back = work->kind == PagerRequest::kWriteBack, .key = work->key, .offset = work->offset, .bytes = work->bytes};
}

}  // namespace hati::ext4
