// SPDX-License-Identifier: MIT
// The page cache's side of files (docs/decisions/0005): one paged Memory for each open file. The kernel asks for pages and keeps the dirty
// ones; PageStore is that contract as an interface, so that tests can play the kernel.
#pragma once

#include <unordered_map>

#include "runtime/async/mutex.h"
#include "runtime/scope.h"
#include "servers/ext4/names/file_system.h"

namespace hati::ext4 {

struct PageRequest {
  bool write_back = false;  // a hint: pull dirty pages; otherwise: fill [offset, offset + bytes)
  u64 key = 0;              // as given to create(): the node
  u64 offset = 0, bytes = 0;
};
struct DirtyRun {
  u64 offset = 0, bytes = 0;  // bytes 0: there is none
};

// One file's pages. Offsets and sizes are multiples of a page.
class FilePages {
 public:
  virtual ~FilePages() = default;
  virtual Result<OwnedHandle> client_handle() = 0;
  virtual u64 bytes() const = 0;
  virtual Result<void> resize(u64 bytes) = 0;
  virtual Result<void> discard(u64 offset, u64 bytes) = 0;
  // The next run at or after `from`; it is being cleaned until cleaned().
  virtual Result<DirtyRun> take_dirty(u64 from) = 0;
  virtual void cleaned(DirtyRun run, bool worked) = 0;
  virtual void page_in_done(u64 offset, u64 bytes, bool worked) = 0;
  virtual Piece piece(u64 offset, u64 bytes) = 0;
};

class PageStore {
 public:
  virtual ~PageStore() = default;
  virtual Result<std::unique_ptr<FilePages>> create(u64 bytes, u64 key) = 0;
  // kCancelled, kPeerClosed.
  virtual Task<Result<PageRequest>> next() = 0;
};

// Fills and cleans the pages of a file system's open files.
class Pages {
 public:
  Pages(FileSystem& fs, PageStore& store) : fs_(fs), store_(store) {}

  // The pages of a regular file, made on first use; they live until close().
  Async<std::shared_ptr<FilePages>> open(u32 node);
  std::shared_ptr<FilePages> find(u32 node);
  void close(u32 node);
  // Writes what is dirty in [from, to) to the disk's blocks; what another call is writing is written, too, when it returns. kIo, kNoSpace:
  // the pages stay dirty.
  Async<void> write_back(u32 node, u64 from, u64 to);
  Async<void> write_back_all();
  // Answers requests until cancelled.
  Task<void> serve();

 private:
  Task<void> answer(PageRequest request);
  Async<void> fill(u32 node, std::shared_ptr<FilePages> pages, u64 offset, u64 bytes);

  struct File {
    std::shared_ptr<FilePages> pages;
    async::Mutex writing;  // one write-back of a file at a time
  };
  std::shared_ptr<File> find_file(u32 node);

  FileSystem& fs_;
  PageStore& store_;
  SpinLock lock_;
  std::unordered_map<u32, std::shared_ptr<File>> files_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati::ext4
