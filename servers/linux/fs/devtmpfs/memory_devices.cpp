// SPDX-License-Identifier: MIT
// Character devices of major 1: null(4), zero, full(4), random(4), kmsg.
#include <algorithm>
#include <array>

#include "runtime/call.h"
#include "servers/linux/core/world.h"
#include "servers/linux/core/services.h"
#include "servers/linux/fs/devtmpfs/devtmpfs.h"
#include "servers/linux/process/random.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {

enum Minor : u32 { kNull = 3, kZero = 5, kFull = 7, kRandom = 8, kURandom = 9, kKmsg = 11 };

class MemoryDevice final : public File {
 public:
  MemoryDevice(u32 minor, u32 flags) : File(flags), minor_(minor) {}

  SysResult<usize> read(IoContext& context, IoBuffer& to) override {
    switch (minor_) {
      case kNull: return 0;
      case kZero:
      case kFull: return to.left() == 0 ? SysResult<usize>(0) : to.fill_zero(to.left());
      default: return read_random(to);
    }
  }
  SysResult<usize> write(IoContext& context, IoBuffer& from) override {
    if (minor_ == kFull) return fail(Errno::kNOSPC);
    if (minor_ == kRandom || minor_ == kURandom) return write_random(from);
    return from.left();
  }
  SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) override { return read(context, to); }
  SysResult<usize> write_at(IoContext& context, IoBuffer& from, u64 offset) override { return write(context, from); }
  SysResult<i64> seek(i64 offset, u32 whence) override { return 0; }

  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override {
    constexpr u32 kGetEntropyCount = 0x80045200;
    if (minor_ != kRandom && minor_ != kURandom) co_return fail(Errno::kNOTTY);
    if (request != kGetEntropyCount) co_return fail(Errno::kINVAL);
    CO_TRY(thread.memory().put(UserPtr<i32>{argument}, 256));
    co_return 0;
  }

  // mmap of /dev/zero: fresh memory for each mapping that asks.
  SysResult<MappableMemory> mappable(bool shared, bool write) override {
    if (minor_ != kZero) return fail(Errno::kNODEV);
    constexpr u64 kReach = u64{1} << 40;
    SpinGuard guard(position_lock());
    if (!memory_) memory_ = TRY(from_native(Memory::create(kReach)));
    return MappableMemory{memory_.get(), 0};
  }

 private:
  static SysResult<usize> read_random(IoBuffer& to) {
    usize done = 0;
    std::array<u8, 512> block;
    while (to.left() > 0) {
      const usize piece = std::min<u64>(to.left(), block.size());
      fill_random(std::span(block).first(piece));
      const SysResult<usize> moved = to.copy_out(block.data(), piece);
      if (!moved) {
        if (done == 0) return moved;
        break;
      }
      done += *moved;
      if (*moved < piece) break;
    }
    return done;
  }
  static SysResult<usize> write_random(IoBuffer& from) {
    usize done = 0;
    std::array<u8, 64> block;
    while (from.left() > 0) {
      const usize moved = TRY(from.copy_in(block.data(), std::min<u64>(from.left(), block.size())));
      add_entropy(std::span(block).first(moved));
      done += moved;
    }
    return done;
  }

  const u32 minor_;
  Memory memory_;
};

// Each read gives one record of the kernel's log, "<priority>,<sequence>,<us>,-;text". Here the log is one text: a record is a line.
class KmsgDevice final : public File {
 public:
  using File::File;
  SysResult<usize> read(IoContext& context, IoBuffer& to) override {
    SpinGuard guard(position_lock());
    std::array<char, 1024> text;
    const auto got = call::log_read(World::get().kernel_log.get(), text, position());
    if (!got || *got == 0) return fail(Errno::kAGAIN);
    const std::string_view all(text.data(), *got);
    const usize end = all.find('\n');
    const std::string_view line = all.substr(0, end);
    const std::string record = "6," + std::to_string(sequence_) + ",0,-;" + std::string(line) + "\n";
    if (record.size() > to.left()) return fail(Errno::kINVAL);
    const usize done = TRY(to.copy_out(record.data(), record.size()));
    ++sequence_;
    set_position(position() + (end == std::string_view::npos ? all.size() : end + 1));
    return done;
  }
  SysResult<usize> write(IoContext& context, IoBuffer& from) override {
    std::array<char, 1000> text;
    const usize wanted = from.left();
    if (wanted > text.size()) return fail(Errno::kINVAL);
    const usize bytes = TRY(from.copy_in(text.data(), wanted));
    std::string_view line(text.data(), bytes);
    if (const usize end = line.find('>'); line.starts_with('<') && end < 6) line.remove_prefix(end + 1);
    while (line.ends_with('\n')) line.remove_suffix(1);
    (void)call::log_write(LogLevel::kInfo, line);
    return wanted;
  }
  SysResult<i64> seek(i64 offset, u32 whence) override {
    if (offset != 0) return fail(Errno::kSPIPE);
    SpinGuard guard(position_lock());
    if (whence == 0) {
      set_position(0);
    } else if (whence == 2) {
      std::array<char, 1024> text;
      for (;;) {
        const auto got = call::log_read(World::get().kernel_log.get(), text, position());
        if (!got || *got == 0) break;
        set_position(position() + *got);
      }
    } else {
      return fail(Errno::kINVAL);
    }
    return 0;
  }

 private:
  u64 sequence_ = 0;
};

SysResult<Ref<File>> open_memory(Thread* thread, u64 device, u32 flags) {
  return Ref<File>::adopt(std::make_unique<MemoryDevice>(device_minor(device), flags).release());
}

SysResult<Ref<File>> open_kmsg(Thread* thread, u64 device, u32 flags) {
  if ((flags & kOpenAccessMode) != kOpenWriteOnly && thread != nullptr && !thread->capable(kCapSyslog)) return fail(Errno::kPERM);
  return Ref<File>::adopt(std::make_unique<KmsgDevice>(flags).release());
}

}  // namespace

void register_memory_devices() {
  for (const u32 minor : {kNull, kZero, kFull, kRandom, kURandom}) register_devices({1, minor, 1, "mem", open_memory});
  register_devices({1, kKmsg, 1, "mem", open_kmsg});
}

}  // namespace hati::linux
