// SPDX-License-Identifier: MIT
// The kernel's paged memory as the library's page store: a pager for each mount, a paged Memory for each open file.
#pragma once

#include "servers/ext4/service/pages.h"
#include "servers/ext4/system/disk.h"

namespace hati::ext4 {

class KernelPageStore final : public PageStore {
 public:
  // `disk` moves the pages of the files.
  static Result<std::unique_ptr<PageStore>> create(std::shared_ptr<DiskConnection> disk);
  KernelPageStore(Pager pager, std::shared_ptr<DiskConnection> disk) : pager_(std::move(pager)), disk_(std::move(disk)) {}
  Result<std::unique_ptr<FilePages>> create(u64 bytes, u64 key) override;
  Task<Result<PageRequest>> next() override;

 private:
  const Pager pager_;
  const std::shared_ptr<DiskConnection> disk_;
};

}  // namespace hati::ext4
