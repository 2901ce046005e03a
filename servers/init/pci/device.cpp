// SPDX-License-Identifier: MIT
#include "servers/init/pci/device.h"

#include <algorithm>

#include "runtime/log.h"

namespace hati::init::pci {
namespace {

constexpr Rights kMemoryRights = Rights::kRead | Rights::kWrite | Rights::kMap | Rights::kInspect;
constexpr Rights kConfigRights = Rights::kRead | Rights::kMap | Rights::kInspect;
constexpr Rights kPortRights = Rights::kRead | Rights::kWrite | Rights::kInspect;
constexpr Rights kInterruptRights = Rights::kWait | Rights::kWrite | Rights::kInspect;

}  // namespace

void Device::set_command(u16 clear, u16 set) {
  const u16 before = static_cast<u16>(space_.read(function_.address, kCommand, 2));
  space_.write(function_.address, kCommand, 2, static_cast<u16>((before & ~clear) | set));
}

Result<void> Device::add_bars(std::vector<Gift>& gifts) {
  for (usize i = 0; i < bars_.size(); ++i) {
    const Bar& bar = bars_[i];
    const std::string name = "bar" + std::to_string(i);
    if (bar.kind == Bar::Kind::kIo) {
      gifts.push_back({name, TRY(PortRange::create(resource_, static_cast<u16>(bar.address), static_cast<u32>(bar.bytes))), kPortRights});
    } else if (bar.kind == Bar::Kind::kMemory && bar.bytes < kPageSize) {
      // Its page may hold another function's registers.
      log_warning("{}: {} has only {} bytes and is not handed out", to_text(function_.address), name, bar.bytes);
    } else if (bar.kind == Bar::Kind::kMemory) {
      gifts.push_back({name, TRY(Memory::physical(resource_, bar.address, bar.bytes, CacheMode::kUncached)), kMemoryRights});
    }
  }
  return {};
}

// Entry i of the MSI-X table raises the i-th interrupt. The first is left to the kernel's choice, the others are spread over the processors in order,
// which suits devices with one vector for events and one for each queue.
Result<void> Device::wire(const Msix& msix, std::vector<Gift>& gifts) {
  const u32 count = std::min(msix.entries, interrupts_max_);
  SystemInfo info{};
  TRY(call::system_info(info));
  const u64 first = page_floor(msix.offset), bytes = page_ceil(msix.offset + u64{msix.entries} * kMsixEntryBytes) - first;
  const Memory memory = TRY(Memory::physical(resource_, bars_[msix.bar].address + first, bytes, CacheMode::kUncached));
  const Mapping mapping = TRY(memory.map(0, bytes, Protection::kRead | Protection::kWrite));
  auto* const table = mapping.as<volatile u32>() + (msix.offset - first) / sizeof(u32);
  for (u32 i = 0; i < msix.entries; ++i) table[i * 4 + 3] = 1;  // masked
  for (u32 i = 0; i < count; ++i) {
    MessageInterrupt message{.cpu = i == 0 ? kAnyCpu : (i - 1) % std::max(info.cpu_count, 1u)};
    Interrupt interrupt = TRY(Interrupt::create_message(resource_, message));
    table[i * 4] = static_cast<u32>(message.address);
    table[i * 4 + 1] = static_cast<u32>(message.address >> 32);
    table[i * 4 + 2] = message.data;
    table[i * 4 + 3] = 0;
    gifts.push_back({numbered("interrupt", i), std::move(interrupt), kInterruptRights});
  }
  return {};
}

Result<void> Device::add_interrupts(std::vector<Gift>& gifts) {
  if (interrupts_max_ == 0) return {};
  const auto msix = find_msix(space_, function_.address, bars_);
  if (!msix) {
    log_warning("{} has no MSI-X: its driver gets no interrupt", to_text(function_.address));
    return {};
  }
  const u32 control = msix->capability + kMsixControl;
  const u16 word = static_cast<u16>(space_.read(function_.address, control, 2));
  space_.write(function_.address, control, 2, static_cast<u16>(word | MsixControl::Enable::kMask | MsixControl::MaskAll::kMask));
  TRY(wire(*msix, gifts));
  space_.write(function_.address, control, 2, static_cast<u16>((word & ~MsixControl::MaskAll::kMask) | MsixControl::Enable::kMask));
  return {};
}

Result<void> Device::switch_on(std::vector<Gift>& gifts) {
  if (!std::exchange(measured_, true)) bars_ = measure_bars(space_, function_.address);
  set_command(Command::BusMaster::kMask, Command::Io::kMask | Command::Memory::kMask | Command::InterruptDisable::kMask);
  gifts.push_back({"config", TRY(space_.page(function_.address)), kConfigRights});
  TRY(add_bars(gifts));
  TRY(add_interrupts(gifts));
  gifts.push_back({"dma", OwnedHandle(TRY(call::dma_create(resource_))), Rights::kManage | Rights::kInspect});
  set_command(0, Command::BusMaster::kMask);
  space_.forget();
  return {};
}

void Device::switch_off() {
  set_command(Command::BusMaster::kMask, 0);
  if (const u32 msix = find_capability(space_, function_.address, kCapabilityMsix)) {
    const u16 word = static_cast<u16>(space_.read(function_.address, msix + kMsixControl, 2));
    space_.write(function_.address, msix + kMsixControl, 2, static_cast<u16>(word & ~MsixControl::Enable::kMask));
  }
  set_command(Command::Memory::kMask | Command::Io::kMask, 0);
  space_.forget();
}

}  // namespace hati::init::pci
