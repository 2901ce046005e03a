// SPDX-License-Identifier: MIT
#include "kernel/ipc/port_range.h"

#include "kernel/arch/arch.h"
#include "kernel/debug/log.h"
#include "kernel/debug/serial_console.h"
#include "kernel/memory/object_cache.h"

namespace hati {

namespace {

constinit ObjectCache<PortRange> port_range_cache;
constinit ObjectCache<Resource> resource_cache;
constexpr u64 kPorts = 65536;

}  // namespace

Result<Ref<PortRange>> PortRange::create(u64 first, u64 count) {
  if (count == 0 || first >= kPorts || count > kPorts - first) return fail(Error::kInvalidArgument);
  if (first <= kSerialConsolePort && kSerialConsolePort < first + count) log_release_console();  // a driver takes the port over
  return port_range_cache.make(static_cast<u32>(first), static_cast<u32>(count));
}

void PortRange::release_storage() { port_range_cache.destroy(this); }

Result<> PortRange::check(u64 offset, u64 width) const {
  if (width != 1 && width != 2 && width != 4) return fail(Error::kInvalidArgument);
  if (width > count_ || offset > count_ - width) return fail(Error::kInvalidArgument);
  return {};
}

Result<u64> PortRange::read(u64 offset, u64 width) const {
  TRY(check(offset, width));
  return arch::port_read(static_cast<u16>(first_ + offset), static_cast<u32>(width));
}

Result<> PortRange::write(u64 offset, u64 width, u64 value) const {
  TRY(check(offset, width));
  arch::port_write(static_cast<u16>(first_ + offset), static_cast<u32>(width), value);
  return {};
}

Result<Ref<Resource>> Resource::create() { return resource_cache.make(); }

void Resource::release_storage() { resource_cache.destroy(this); }

}  // namespace hati
