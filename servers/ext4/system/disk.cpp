// SPDX-License-Identifier: MIT
#include "servers/ext4/system/disk.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hati::ext4 {

Task<void> DiskConnection::keep(std::shared_ptr<DiskConnection> self) {
  Scope scope(co_await current_cancel());
  scope.start(self->disk_->run());
  for (bool goes_on = true; goes_on;) {
    goes_on = (co_await self->work_.wait()).has_value();
    self->work_.reset();
    std::vector<AttachmentRef> forgotten;
    {
      SpinGuard guard(self->lock_);
      forgotten.swap(self->forgotten_);
      goes_on = goes_on && !self->closed_;
    }
    for (AttachmentRef& attachment : forgotten) co_await self->disk_->detach(std::move(attachment));
  }
  scope.cancel();
  co_await scope.join();
}

void DiskConnection::close() {
  {
    SpinGuard guard(lock_);
    closed_ = true;
  }
  work_.set();
}

void DiskConnection::remember(Handle memory) {
  SpinGuard guard(lock_);
  remembered_.emplace(memory, nullptr);
}

void DiskConnection::forget(Handle memory) {
  {
    SpinGuard guard(lock_);
    const auto found = remembered_.find(memory);
    if (found == remembered_.end()) return;
    if (found->second) forgotten_.push_back(std::move(found->second));
    remembered_.erase(found);
  }
  work_.set();
}

Task<Result<DiskConnection::AttachmentRef>> DiskConnection::attach(Handle memory) {
  const OwnedHandle own = CO_TRY(OwnedHandle::duplicate_of(memory));
  co_return co_await disk_->attach(own);
}

Task<Result<void>> DiskConnection::transfer(bool write, Handle memory, u64 offset, u64 sector, u64 bytes) {
  AttachmentRef attachment;
  bool remembered = false;
  {
    SpinGuard guard(lock_);
    const auto found = remembered_.find(memory);
    remembered = found != remembered_.end();
    if (remembered) attachment = found->second;
  }
  bool keeps = remembered;
  if (!attachment) {
    attachment = CO_TRY(co_await attach(memory));
    SpinGuard guard(lock_);
    const auto found = remembered_.find(memory);
    // Two first transfers may attach at once: the second one's attachment is for itself.
    keeps = remembered && found != remembered_.end() && found->second == nullptr;
    if (keeps) found->second = attachment;
  }
  const auto done =
      write ? co_await disk_->write(*attachment, offset, sector, bytes) : co_await disk_->read(*attachment, offset, sector, bytes);
  if (!keeps) co_await disk_->detach(std::move(attachment));
  co_return done;
}

Task<Result<std::unique_ptr<DiskDevice>>> DiskDevice::open(block::Connector& connector, Scope& keeper, block::DiskName name) {
  auto connection = std::make_shared<DiskConnection>(CO_TRY(co_await block::Disk::open(connector, name.disk)));
  std::unique_ptr<DiskDevice> device(new DiskDevice(connection));
  keeper.start(DiskConnection::keep(std::move(connection)));
  CO_TRY(device->make_window());
  CO_TRY(co_await device->find(name.partition));
  co_return device;
}

DiskDevice::~DiskDevice() {
  connection_->forget(window_memory_.get());
  connection_->close();
}

Result<void> DiskDevice::make_window() {
  window_memory_ = TRY(Memory::create(kSlots * kSlotBytes));
  window_ = TRY(window_memory_.map(0, kSlots * kSlotBytes, Protection::kRead | Protection::kWrite));
  connection_->remember(window_memory_.get());
  return {};
}

Task<Result<void>> DiskDevice::find(u32 partition) {
  block::Disk& disk = connection_->disk();
  if (partition == 0) {
    sectors_ = disk.info().sectors;
    co_return Result<void>();
  }
  const auto partitions = CO_TRY(co_await disk.partitions());
  const auto found = std::ranges::find(partitions, partition, &block::Partition::number);
  if (found == partitions.end()) co_return fail(Error::kNotFound);
  first_sector_ = found->sector;
  sectors_ = found->sectors;
  co_return Result<void>();
}

Task<Result<void>> DiskDevice::transfer(bool write, u64 offset, Piece piece) {
  if (!inside(offset, piece.size)) co_return fail(Error::kIo);
  const u64 sector = first_sector_ + offset / block::kSectorBytes;
  if (piece.bytes == nullptr) co_return co_await connection_->transfer(write, piece.memory, piece.offset, sector, piece.size);
  for (u64 done = 0; done < piece.size; done += kSlotBytes) {
    const u64 part = std::min(kSlotBytes, piece.size - done);
    CO_TRY(co_await move(write, sector + done / block::kSectorBytes, {piece.bytes + done, part}));
  }
  co_return Result<void>();
}

Task<Result<void>> DiskDevice::move(bool write, u64 sector, std::span<std::byte> bytes) {
  CO_TRY(co_await free_slots_.acquire());
  u32 slot = 0;
  {
    SpinGuard guard(lock_);
    slot = static_cast<u32>(std::countr_one(used_slots_));
    used_slots_ |= 1u << slot;
  }
  const u64 offset = slot * kSlotBytes;
  std::byte* const window = window_.as<>() + offset;
  if (write) std::memcpy(window, bytes.data(), bytes.size());
  const auto done = co_await connection_->transfer(write, window_memory_.get(), offset, sector, bytes.size());
  if (done && !write) std::memcpy(bytes.data(), window, bytes.size());
  {
    SpinGuard guard(lock_);
    used_slots_ &= ~(1u << slot);
  }
  free_slots_.release();
  co_return done;
}

Task<Result<void>> DiskDevice::flush() {
  if ((connection_->disk().info().flags & block::kDiskFlush) == 0) co_return Result<void>();
  co_return co_await connection_->disk().flush();
}

Task<Result<void>> DiskDevice::discard(u64 offset, u64 bytes) {
  if (!inside(offset, bytes)) co_return fail(Error::kIo);
  if ((connection_->disk().info().flags & block::kDiskDiscard) == 0) co_return Result<void>();
  co_return co_await connection_->disk().discard(first_sector_ + offset / block::kSectorBytes, bytes);
}

Result<void> DiskDevice::clear(Piece piece) {
  if (piece.bytes != nullptr) {
    std::memset(piece.bytes, 0, piece.size);
    return {};
  }
  static constexpr std::array<std::byte, 16384> kZeroes{};
  for (u64 done = 0; done < piece.size;) {
    const u64 part = std::min<u64>(kZeroes.size(), piece.size - done);
    const usize cleared = TRY(call::copy(piece.memory, piece.offset + done, kOwnSpace, reinterpret_cast<u64>(kZeroes.data()), part));
    if (cleared == 0) return fail(Error::kIo);
    done += cleared;
  }
  return {};
}

}  // namespace hati::ext4
