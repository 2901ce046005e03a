// SPDX-License-Identifier: MIT
// The floating-point and vector registers of a stopped thread (ptrace/registers.h), in the processor's XSAVE format. Parts in their initial state have no
// defined bytes there; debuggers get the initial values.
#include <algorithm>
#include <cstring>

#include "servers/linux/ptrace/registers.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

constexpr u64 kLegacySize = 512, kHeaderSize = 64, kFeaturesOffset = 512, kCompactOffset = 520;
constexpr u32 kMxcsrOffset = 24, kMxcsrMaskOffset = 28, kMxcsrMask = 0xffff, kMxcsrInitial = 0x1f80;
constexpr u16 kControlInitial = 0x37f;
constexpr u64 kFeatureX87 = 1, kFeatureSse = 2, kFeatureAvx = 4;

template <class T>
T load(std::span<const u8> bytes, usize offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}
template <class T>
void store(std::span<u8> bytes, usize offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

void clear(std::span<u8> bytes, usize offset, usize size) {
  if (offset < bytes.size()) std::memset(bytes.data() + offset, 0, std::min(size, bytes.size() - offset));
}

struct Component {
  u32 offset, size;
};
Component component(u32 feature) {
  u32 a = 0xd, b = 0, c = feature, d = 0;
  asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "=d"(d));
  return {b, a};
}

void fill_initial_parts(std::span<u8> state) {
  const u64 present = state.size() > kLegacySize ? load<u64>(state, kFeaturesOffset) : u64{kFeatureX87 | kFeatureSse};
  if ((present & kFeatureX87) == 0) {
    clear(state, 0, kMxcsrOffset);
    clear(state, 32, 128);
    store(state, 0, kControlInitial);
  }
  if ((present & kFeatureSse) == 0) clear(state, 160, 256);
  if ((present & (kFeatureSse | kFeatureAvx)) == 0) store(state, kMxcsrOffset, kMxcsrInitial);
  store(state, kMxcsrMaskOffset, kMxcsrMask);
  const u64 missing = extended_features() & ~present;
  for (u32 feature = 2; feature < 63; ++feature) {
    if ((missing >> feature & 1) == 0) continue;
    const Component part = component(feature);
    clear(state, part.offset, part.size);
  }
}

SysResult<std::span<u8>> current_state(Thread& thread) {
  if (thread.page().extended_valid == 0 && !thread.native().sync_state()) return fail(Errno::kIO);
  ThreadPage& page = thread.page();
  return std::span(page.extended, std::min<u64>(page.extended_size, sizeof page.extended));
}

}  // namespace

SysResult<std::vector<u8>> get_extended_state(Thread& thread) {
  const auto state = TRY(current_state(thread));
  std::vector<u8> copy(state.begin(), state.end());
  fill_initial_parts(copy);
  clear(copy, kXStateFeaturesOffset, kLegacySize - kXStateFeaturesOffset);
  if (copy.size() > kLegacySize) store(copy, kXStateFeaturesOffset, extended_features());
  return copy;
}

SysResult<std::vector<u8>> get_fp_registers(Thread& thread) {
  std::vector<u8> state = TRY(get_extended_state(thread));
  state.resize(kFpRegistersSize);
  clear(state, kXStateFeaturesOffset, kLegacySize - kXStateFeaturesOffset);
  return state;
}

SysResult<> set_fp_registers(Thread& thread, std::span<const u8> bytes) {
  const auto state = TRY(current_state(thread));
  if (bytes.size() > kFpRegistersSize) return fail(Errno::kINVAL);
  std::vector<u8> fresh = TRY(get_fp_registers(thread));
  std::ranges::copy(bytes, fresh.begin());
  if ((load<u32>(fresh, kMxcsrOffset) & ~kMxcsrMask) != 0) return fail(Errno::kINVAL);
  std::ranges::copy(fresh, state.begin());
  if (state.size() > kLegacySize) store(state, kFeaturesOffset, load<u64>(state, kFeaturesOffset) | kFeatureX87 | kFeatureSse);
  return {};
}

SysResult<> set_extended_state(Thread& thread, std::span<const u8> bytes) {
  const auto state = TRY(current_state(thread));
  if (state.size() < kLegacySize + kHeaderSize || bytes.size() != state.size()) return fail(Errno::kINVAL);
  const u64 features = load<u64>(bytes, kFeaturesOffset);
  if ((features & ~extended_features()) != 0 || (load<u32>(bytes, kMxcsrOffset) & ~kMxcsrMask) != 0) return fail(Errno::kINVAL);
  for (usize offset = kCompactOffset; offset < kLegacySize + kHeaderSize; offset += sizeof(u64))
    if (load<u64>(bytes, offset) != 0) return fail(Errno::kINVAL);
  std::ranges::copy(bytes, state.begin());
  return {};
}

}  // namespace hati::linux
