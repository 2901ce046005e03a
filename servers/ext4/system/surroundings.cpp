// SPDX-License-Identifier: MIT
#include "servers/ext4/system/surroundings.h"

#include "servers/ext4/system/pages.h"

namespace hati::ext4 {

namespace {

// A disk that is given back to the others at the end.
class TakenDisk final : public BlockDevice {
 public:
  TakenDisk(MountedDisks& mounted, block::DiskName name, std::unique_ptr<DiskDevice> device)
      : mounted_(mounted), name_(std::move(name)), device_(std::move(device)) {}
  ~TakenDisk() override {
    device_.reset();
    mounted_.put(name_);
  }
  u64 bytes() const override { return device_->bytes(); }
  bool read_only() const override { return device_->read_only(); }
  Task<Result<void>> read(u64 offset, Piece to) override { return device_->read(offset, to); }
  Task<Result<void>> write(u64 offset, Piece from) override { return device_->write(offset, from); }
  Task<Result<void>> flush() override { return device_->flush(); }
  Task<Result<void>> discard(u64 offset, u64 bytes) override { return device_->discard(offset, bytes); }
  Result<void> clear(Piece piece) override { return device_->clear(piece); }

 private:
  MountedDisks& mounted_;
  const block::DiskName name_;
  std::unique_ptr<DiskDevice> device_;
};

}  // namespace

bool MountedDisks::take(const block::DiskName& name) {
  SpinGuard guard(lock_);
  const auto first = names_.lower_bound({name.disk, 0});
  const bool any = first != names_.end() && first->first == name.disk;
  if (name.partition == 0 && any) return false;
  if (any && first->second == 0) return false;
  return names_.emplace(name.disk, name.partition).second;
}

void MountedDisks::put(const block::DiskName& name) {
  SpinGuard guard(lock_);
  names_.erase({name.disk, name.partition});
}

Task<Result<std::unique_ptr<BlockDevice>>> SystemSurroundings::open_disk(std::string name) {
  block::DiskName wanted = block::parse_disk_name(name);
  if (wanted.disk.empty()) co_return fail(Error::kNotFound);
  if (!mounted_.take(wanted)) co_return fail(Error::kBusy);
  auto device = co_await DiskDevice::open(connector_, keeper_, wanted);
  if (!device) {
    mounted_.put(wanted);
    co_return fail(device.error());
  }
  connection_ = (*device)->connection();
  co_return std::make_unique<TakenDisk>(mounted_, std::move(wanted), *std::move(device));
}

Result<std::unique_ptr<PageStore>> SystemSurroundings::make_pages() {
  auto connection = connection_.lock();
  if (!connection) return fail(Error::kNotFound);
  return KernelPageStore::create(std::move(connection));
}

}  // namespace hati::ext4
