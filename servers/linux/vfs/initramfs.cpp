// SPDX-License-Identifier: MIT
#include "servers/linux/vfs/initramfs.h"

#include "base/cpio.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {

constexpr std::string_view kNative = ".hati";

class Unpacker {
 public:
  explicit Unpacker(TmpfsInode& root) : root_(root) {}

  SysResult<> add(const CpioEntry& entry) {
    const std::string_view name = strip(entry.name);
    if (name.empty() || name == ".") return set_root(entry);
    if (name == kNative || name.starts_with(".hati/")) return {};
    const auto [directory, last] = parent_of(name);
    if (!directory) return {};  // its directory is missing: as Linux, the member is skipped
    switch (entry.mode & kTypeMask) {
      case kDirectory: return add_directory(*directory, last, entry);
      case kRegular: return add_file(*directory, last, entry);
      case kSymbolicLink: return add_link(*directory, last, entry);
      default: return add_node(*directory, last, entry);
    }
  }

  UnpackCounts counts;

 private:
  static std::string_view strip(std::string_view name) {
    while (name.starts_with("./") || name.starts_with("/")) name.remove_prefix(name[0] == '.' ? 2 : 1);
    while (name.ends_with('/')) name.remove_suffix(1);
    return name;
  }

  // Archives are sorted: the directory is most often that of the member before.
  std::pair<Ref<TmpfsInode>, std::string_view> parent_of(std::string_view name) {
    const usize slash = name.rfind('/');
    if (slash == std::string_view::npos) return {Ref<TmpfsInode>(root_), name};
    const std::string_view path = name.substr(0, slash);
    if (path != last_path_) {
      last_directory_ = walk(path);
      last_path_ = path;
    }
    return {last_directory_, name.substr(slash + 1)};
  }

  Ref<TmpfsInode> walk(std::string_view path) const {
    Ref<TmpfsInode> here(root_);
    while (!path.empty() && here) {
      const usize slash = path.find('/');
      const std::string_view component = path.substr(0, slash);
      path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
      if (component == ".." || !here->is(kDirectory)) return nullptr;
      if (!component.empty() && component != ".") here = here->child(component);
    }
    return here && here->is(kDirectory) ? here : nullptr;
  }

  static NewNode node_of(const CpioEntry& entry) {
    return {.mode = entry.mode, .uid = entry.uid, .gid = entry.gid, .device_number = make_device(entry.special_major, entry.special_minor)};
  }

  SysResult<> set_root(const CpioEntry& entry) {
    root_.set_owner_and_mode(node_of(entry));
    return {};
  }

  SysResult<> add_directory(TmpfsInode& directory, std::string_view name, const CpioEntry& entry) {
    ++counts.directories;
    if (const Ref<TmpfsInode> existing = directory.child(name)) {
      existing->set_owner_and_mode(node_of(entry));
      return {};
    }
    const Ref<TmpfsInode> made = TRY(directory.add(name, node_of(entry)));
    made->set_times({entry.mtime, 0});
    return {};
  }

  SysResult<> add_link(TmpfsInode& directory, std::string_view name, const CpioEntry& entry) {
    directory.remove_now(name);
    const Ref<TmpfsInode> made = TRY(directory.add(name, node_of(entry), std::string(reinterpret_cast<const char*>(entry.data.data()), entry.data.size())));
    made->set_times({entry.mtime, 0});
    ++counts.others;
    return {};
  }

  SysResult<> add_node(TmpfsInode& directory, std::string_view name, const CpioEntry& entry) {
    directory.remove_now(name);
    const Ref<TmpfsInode> made = TRY(directory.add(name, node_of(entry)));
    made->set_times({entry.mtime, 0});
    ++counts.others;
    return {};
  }

  // Names of one file share its number; the contents come with one of them.
  SysResult<> add_file(TmpfsInode& directory, std::string_view name, const CpioEntry& entry) {
    directory.remove_now(name);
    Ref<TmpfsInode> file;
    if (entry.link_count > 1) file = links_[{entry.device_major, entry.device_minor, entry.inode}];
    if (file) {
      TRY(directory.add_link(name, file));
    } else {
      file = TRY(directory.add(name, node_of(entry)));
      ++counts.files;
    }
    if (entry.link_count > 1) links_[{entry.device_major, entry.device_minor, entry.inode}] = file;
    if (!entry.data.empty()) {
      IoContext context{.thread = nullptr};
      IoBuffer from(std::span(const_cast<u8*>(entry.data.data()), entry.data.size()));
      u64 offset = 0;
      const usize done = TRY(file->write(context, from, offset, false));
      if (done < entry.data.size()) return fail(Errno::kNOSPC);
      counts.bytes += done;
    }
    file->set_times({entry.mtime, 0});
    return {};
  }

  TmpfsInode& root_;
  std::string last_path_;
  Ref<TmpfsInode> last_directory_;
  std::map<std::tuple<u32, u32, u32>, Ref<TmpfsInode>> links_;
};

}  // namespace

SysResult<UnpackCounts> unpack_initramfs(TmpfsInode& root, std::span<const u8> archive) {
  Unpacker unpacker(root);
  CpioReader reader(archive);
  for (;;) {
    const Result<CpioEntry> entry = reader.next();
    if (!entry && entry.error() == Error::kNotFound) return unpacker.counts;
    if (!entry) return fail(Errno::kINVAL);
    TRY(unpacker.add(*entry));
  }
}

}  // namespace hati::linux
