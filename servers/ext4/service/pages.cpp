// SPDX-License-Identifier: MIT
#include "servers/ext4/service/pages.h"

namespace hati::ext4 {

std::shared_ptr<Pages::File> Pages::find_file(u32 node) {
  SpinGuard guard(lock_);
  auto found = files_.find(node);
  return found == files_.end() ? nullptr : found->second;
}

std::shared_ptr<FilePages> Pages::find(u32 node) {
  const auto file = find_file(node);
  return file ? file->pages : nullptr;
}

Async<std::shared_ptr<FilePages>> Pages::open(u32 node) {
  if (auto known = find(node)) co_return known;
  const Attributes attributes = CO_TRY(co_await fs_.attributes(node));
  if ((attributes.mode & kTypeMask) != kRegular) co_return failed(Errno::kInvalid);
  auto made = store_.create(page_ceil(attributes.size), node);
  if (!made) co_return failed(to_errno(made.error()));
  const auto file = std::make_shared<File>();
  file->pages = *std::move(made);
  SpinGuard guard(lock_);
  // Another call may have been quicker: then its pages are the file's.
  co_return files_.try_emplace(node, file).first->second->pages;
}

void Pages::close(u32 node) {
  std::shared_ptr<File> last;  // goes without the lock
  SpinGuard guard(lock_);
  auto found = files_.find(node);
  if (found == files_.end()) return;
  last = std::move(found->second);
  files_.erase(found);
}

Async<void> Pages::write_back(u32 node, u64 from, u64 to) {
  const std::shared_ptr<File> file = find_file(node);
  if (!file) co_return Outcome<void>{};
  const auto writing = co_await file->writing.lock();
  const std::shared_ptr<FilePages>& pages = file->pages;
  Outcome<void> worst;
  while (from < to) {
    const auto taken = pages->take_dirty(from);
    if (!taken) co_return failed(to_errno(taken.error()));
    const DirtyRun run = *taken;
    if (run.bytes == 0) break;
    auto written = co_await fs_.write(node, run.offset, pages->piece(run.offset, run.bytes));
    pages->cleaned(run, written.has_value());
    if (!written) worst = written;
    from = run.offset + run.bytes;
  }
  co_return worst;
}

Async<void> Pages::write_back_all() {
  std::vector<u32> nodes;
  {
    SpinGuard guard(lock_);
    for (const auto& [node, file] : files_) nodes.push_back(node);
  }
  Outcome<void> worst;
  for (const u32 node : nodes) {
    if (auto written = co_await write_back(node, 0, ~u64{0}); !written) worst = written;
  }
  co_return worst;
}

// What the disk has; pages beyond the last block read as zeroes.
Async<void> Pages::fill(u32 node, std::shared_ptr<FilePages> pages, u64 offset, u64 bytes) {
  co_return co_await fs_.read(node, offset, pages->piece(offset, bytes));
}

Task<void> Pages::answer(PageRequest request) {
  const u32 node = static_cast<u32>(request.key);
  if (request.write_back) {
    (void)co_await write_back(node, 0, ~u64{0});
    co_return;
  }
  const std::shared_ptr<FilePages> pages = find(node);
  if (!pages) co_return;  // closed meanwhile: its waiters were told
  const auto filled = co_await fill(node, pages, request.offset, request.bytes);
  pages->page_in_done(request.offset, request.bytes, filled.has_value());
}

Task<void> Pages::serve() {
  Scope answers(co_await current_cancel());
  for (;;) {
    auto request = co_await store_.next();
    if (!request) break;
    answers.start(answer(*request));
  }
  answers.cancel();
  co_await answers.join();
}

}  // namespace hati::ext4
