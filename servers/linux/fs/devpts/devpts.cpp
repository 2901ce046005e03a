// SPDX-License-Identifier: MIT
#include "servers/linux/fs/devpts/devpts.h"

#include <charconv>

#include "servers/linux/core/thread.h"
#include "servers/linux/tty/pty.h"
#include "servers/linux/vfs/device.h"
#include "servers/linux/vfs/directory_file.h"

namespace hati::linux {

namespace {

constexpr u64 kMagic = 0x1cd1;
constexpr u64 kRootInode = 1, kPtmxInode = 2, kFirstInode = 3;

struct Options {
  u32 mode = 0600, ptmx_mode = 0;
  std::optional<u32> uid, gid;
};

class Devpts final : public FileSystem {
 public:
  explicit Devpts(Options options) : options_(options) {}
  const char* type_name() const override { return "devpts"; }
  Ref<Inode> root() override;
  std::string options() const override;
  Statistics statistics() override { return {.magic = kMagic, .blocks = 0}; }
  SysResult<> remount(std::string_view options) override;
  void shut_down() override {
    std::map<u64, Ref<Inode>> nodes;  // they refer back to this: goes after the lock
    SpinGuard guard(lock_);
    nodes.swap(nodes_);
  }

  Options get_options() const {
    SpinGuard guard(lock_);
    return options_;
  }
  Ref<Inode> node(u64 inode, u64 device) HATI_EXCLUDES(lock_);

 private:
  mutable SpinLock lock_;
  Options options_ HATI_GUARDED_BY(lock_);
  // Nodes that somebody has changed or uses: attributes last as long as the pair.
  std::map<u64, Ref<Inode>> nodes_ HATI_GUARDED_BY(lock_);
};

class DevptsInode : public Inode {
 public:
  DevptsInode(FileSystem& file_system, Attributes attributes) : Inode(file_system), attributes_(attributes) {
    attributes_.access = attributes_.modify = attributes_.change = wall_time_now();
    attributes_.block_size = 1024;
  }
  u32 mode() const override { return attributes().mode; }
  Attributes attributes() const override {
    SpinGuard guard(lock_);
    return attributes_;
  }
  Task<SysResult<>> set_attributes(AttributeChange change) override {
    SpinGuard guard(lock_);
    if ((change.bits & AttributeChange::kMode) != 0) attributes_.mode = (attributes_.mode & kTypeMask) | (change.mode & kModePermissions);
    if ((change.bits & AttributeChange::kUid) != 0) attributes_.uid = change.uid;
    if ((change.bits & AttributeChange::kGid) != 0) attributes_.gid = change.gid;
    if ((change.bits & AttributeChange::kAccess) != 0) attributes_.access = change.access;
    if ((change.bits & AttributeChange::kModify) != 0) attributes_.modify = change.modify;
    attributes_.change = wall_time_now();
    co_return SysResult<>{};
  }

 private:
  mutable SpinLock lock_;
  Attributes attributes_ HATI_GUARDED_BY(lock_);
};

class DevptsDirectory final : public DevptsInode {
 public:
  explicit DevptsDirectory(Devpts& file_system)
      : DevptsInode(file_system, {.inode = kRootInode, .mode = kDirectory | 0755, .links = 2}), devpts_(file_system) {}
  bool cacheable() const override { return false; }
  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    if (name == "ptmx") return devpts_.node(kPtmxInode, make_device(5, 2));
    u32 number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || end != name.data() + name.size() || (name.size() > 1 && name[0] == '0')) return fail(Errno::kNOENT);
    const Ref<Pty> pty = PtyTable::get().find(number);
    if (!pty) return fail(Errno::kNOENT);
    return devpts_.node(kFirstInode + number, pty->device());
  }
  Task<SysResult<Ref<Inode>>> lookup(std::string name) override { co_return lookup_now(name); }
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override { return DirectoryFile::make(flags); }
  SysResult<> iterate(File& file, DirectoryEmitter& emitter) override {
    // Positions: 0 ".", 1 "..", 2 "ptmx", then 3 + number.
    const u64 start = file.position();
    const auto emit = [&](std::string_view name, u64 inode, u32 type, u64 next) {
      if (!emitter.emit(name, inode, static_cast<u8>(type >> 12), next)) return false;
      file.set_position(next);
      return true;
    };
    if (start == 0 && !emit(".", kRootInode, kDirectory, 1)) return {};
    if (start <= 1 && !emit("..", kRootInode, kDirectory, 2)) return {};
    if (start <= 2 && !emit("ptmx", kPtmxInode, kCharacterDevice, 3)) return {};
    for (u32 number : PtyTable::get().numbers())
      if (number + 3 >= start && !emit(std::to_string(number), kFirstInode + number, kCharacterDevice, number + 4)) break;
    return {};
  }

 private:
  Devpts& devpts_;
};

Ref<Inode> Devpts::root() {
  SpinGuard guard(lock_);
  Ref<Inode>& root = nodes_[kRootInode];
  if (!root) root = Ref<Inode>(Ref<DevptsDirectory>::adopt(std::make_unique<DevptsDirectory>(*this).release()));
  return root;
}

Ref<Inode> Devpts::node(u64 inode, u64 device) {
  SpinGuard guard(lock_);
  for (auto it = nodes_.begin(); it != nodes_.end();) {  // forget pairs that are gone
    const bool gone = it->first >= kFirstInode && it->first != inode && !PtyTable::get().find(static_cast<u32>(it->first - kFirstInode));
    it = gone ? nodes_.erase(it) : std::next(it);
  }
  Ref<Inode>& node = nodes_[inode];
  if (node && inode >= kFirstInode) {
    const Ref<Pty> pty = PtyTable::get().find(static_cast<u32>(inode - kFirstInode));
    if (pty && !pty->node_made.exchange(true)) node = nullptr;  // a new pair with an old number
  } else if (inode >= kFirstInode) {
    if (const Ref<Pty> pty = PtyTable::get().find(static_cast<u32>(inode - kFirstInode))) pty->node_made = true;
  }
  if (!node) {
    Attributes attributes{.inode = inode, .mode = kCharacterDevice | (inode == kPtmxInode ? options_.ptmx_mode : options_.mode), .device_number = device};
    if (inode >= kFirstInode) {
      const Ref<Pty> pty = PtyTable::get().find(static_cast<u32>(inode - kFirstInode));
      attributes.uid = options_.uid.value_or(pty ? pty->owner_uid.load() : 0);
      attributes.gid = options_.gid.value_or(pty ? pty->owner_gid.load() : 0);
    }
    node = Ref<Inode>(Ref<DevptsInode>::adopt(std::make_unique<DevptsInode>(*this, attributes).release()));
  }
  return node;
}

bool parse_number(std::string_view text, int base, u32& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size();
}

SysResult<Options> parse(std::string_view text, Options options) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (word.empty() || word == "newinstance") continue;
    const usize equals = word.find('=');
    if (equals == std::string_view::npos) return fail(Errno::kINVAL);
    const std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
    u32 number = 0;
    if (!parse_number(value, key == "mode" || key == "ptmxmode" ? 8 : 10, number)) return fail(Errno::kINVAL);
    if (key == "mode") {
      options.mode = number & 0777;
    } else if (key == "ptmxmode") {
      options.ptmx_mode = number & 0777;
    } else if (key == "uid") {
      options.uid = number;
    } else if (key == "gid") {
      options.gid = number;
    } else if (key != "max") {
      return fail(Errno::kINVAL);
    }
  }
  return options;
}

std::string octal(u32 value) {
  std::array<char, 8> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value, 8);
  std::string digits(text.data(), result.ptr);
  return digits.size() < 3 ? std::string(3 - digits.size(), '0') + digits : digits;
}

std::string Devpts::options() const {
  const Options options = get_options();
  std::string text;
  if (options.uid) text += ",uid=" + std::to_string(*options.uid);
  if (options.gid) text += ",gid=" + std::to_string(*options.gid);
  return text + ",mode=" + octal(options.mode) + ",ptmxmode=" + octal(options.ptmx_mode);
}

SysResult<> Devpts::remount(std::string_view text) {
  const Options changed = TRY(parse(text, get_options()));
  SpinGuard guard(lock_);
  options_ = changed;
  if (const auto ptmx = nodes_.find(kPtmxInode); ptmx != nodes_.end()) nodes_.erase(ptmx);  // made again with the new mode
  return {};
}

}  // namespace

SysResult<Ref<FileSystem>> mount_devpts(std::string_view options) {
  const Options parsed = TRY(parse(options, Options{}));
  return Ref<FileSystem>(Ref<Devpts>::adopt(std::make_unique<Devpts>(parsed).release()));
}

}  // namespace hati::linux
