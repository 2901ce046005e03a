// SPDX-License-Identifier: MIT
#include "drivers/virtio/window.h"

#include <string>

#include "runtime/startup.h"

namespace hati::virtio {
namespace {

class MappedWindow : public RegisterWindow {
 public:
  MappedWindow(std::shared_ptr<Mapping> mapping, u32 offset, u32 bytes)
      : mapping_(std::move(mapping)), base_(mapping_->as<>() + offset), bytes_(bytes) {}
  u64 bytes() const override { return bytes_; }
  u32 read(u32 offset, u32 width) override {
    switch (width) {
      case 1: return at<u8>(offset);
      case 2: return at<u16>(offset);
      default: return at<u32>(offset);
    }
  }
  void write(u32 offset, u32 width, u32 value) override {
    switch (width) {
      case 1: at<u8>(offset) = static_cast<u8>(value); break;
      case 2: at<u16>(offset) = static_cast<u16>(value); break;
      default: at<u32>(offset) = value; break;
    }
  }

 private:
  template <class T>
  volatile T& at(u32 offset) {
    return *reinterpret_cast<volatile T*>(base_ + offset);
  }

  const std::shared_ptr<Mapping> mapping_;
  std::byte* const base_;
  const u32 bytes_;
};

}  // namespace

Result<std::unique_ptr<RegisterWindow>> StartupBars::open(u32 bar, u32 offset, u32 bytes) {
  if (bar >= std::size(bars_)) return fail(Error::kNotFound);
  if (!bars_[bar]) {
    const Memory memory(TRY(take_startup_handle("bar" + std::to_string(bar))).release());
    const MemoryInfo info = TRY(memory.memory_info());
    bars_[bar] = std::make_shared<Mapping>(TRY(memory.map(0, info.bytes, Protection::kRead | Protection::kWrite)));
  }
  const u64 whole = bars_[bar]->bytes();
  if (offset > whole || bytes > whole - offset) return fail(Error::kBadData);
  return std::make_unique<MappedWindow>(bars_[bar], offset, bytes);
}

}  // namespace hati::virtio
