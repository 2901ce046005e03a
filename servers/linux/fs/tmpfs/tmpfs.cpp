// SPDX-License-Identifier: MIT
// The superblock of tmpfs: limits and options.
#include "servers/linux/fs/tmpfs/tmpfs.h"

#include <charconv>

#include "runtime/call.h"

namespace hati::linux {

namespace {

u64 memory_pages() {
  static const u64 pages = [] {
    SystemInfo info{};
    if (!call::system_info(info)) return u64{1} << 16;
    return info.memory_total / kPageSize;
  }();
  return pages;
}

// "64k", "10%", "4096".
SysResult<u64> parse_size(std::string_view text) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return fail(Errno::kINVAL);
  const std::string_view suffix(end, text.data() + text.size());
  if (suffix.empty()) return value;
  if (suffix == "%") return value * memory_pages() / 100 * kPageSize;
  if (suffix.size() != 1) return fail(Errno::kINVAL);
  switch (suffix[0] | 0x20) {
    case 'k': return value << 10;
    case 'm': return value << 20;
    case 'g': return value << 30;
    case 't': return value << 40;
    default: return fail(Errno::kINVAL);
  }
}

SysResult<u32> parse_number(std::string_view text, int base) {
  u32 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return fail(Errno::kINVAL);
  return value;
}

SysResult<> parse_one(std::string_view word, TmpfsOptions& options) {
  const usize equal = word.find('=');
  const std::string_view key = word.substr(0, equal);
  const std::string_view value = equal == std::string_view::npos ? "" : word.substr(equal + 1);
  if (key == "size") {
    options.size = TRY(parse_size(value));
    options.size_given = true;
  } else if (key == "nr_blocks") {
    options.size = TRY(parse_size(value)) * kPageSize;
    options.size_given = true;
  } else if (key == "nr_inodes") {
    options.inodes = TRY(parse_size(value));
    options.inodes_given = true;
  } else if (key == "mode") {
    options.mode = TRY(parse_number(value, 8)) & kModePermissions;
    options.mode_given = true;
  } else if (key == "uid") {
    options.uid = TRY(parse_number(value, 10));
  } else if (key == "gid") {
    options.gid = TRY(parse_number(value, 10));
  } else if (key != "huge" && key != "mpol" && key != "inode32" && key != "inode64" && key != "relatime") {
    return fail(Errno::kINVAL);
  }
  return {};
}

}  // namespace

SysResult<TmpfsOptions> parse_tmpfs_options(std::string_view text, TmpfsOptions options) {
  while (!text.empty()) {
    const usize end = text.find(',');
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!word.empty()) TRY(parse_one(word, options));
  }
  return options;
}

Tmpfs::Tmpfs(const char* type_name, const TmpfsOptions& options) : type_name_(type_name), options_(options) {
  page_limit_ = options.size_given ? (options.size == 0 ? ~u64{0} : options.size / kPageSize) : memory_pages() / 2;
  inode_limit_ = options.inodes_given ? (options.inodes == 0 ? ~u64{0} : options.inodes) : memory_pages() / 2;
  root_ = Ref<TmpfsInode>::adopt(
      std::make_unique<TmpfsInode>(*this, NewNode{.mode = kDirectory | options.mode, .uid = options.uid, .gid = options.gid}).release());
}

SysResult<Ref<FileSystem>> Tmpfs::mount(std::string_view options) {
  const TmpfsOptions parsed = TRY(parse_tmpfs_options(options, {}));
  return Ref<FileSystem>::adopt(std::make_unique<Tmpfs>("tmpfs", parsed).release());
}

Ref<Inode> Tmpfs::root() { return root_; }

std::string Tmpfs::options() const {
  SpinGuard guard(lock_);
  std::string text;
  if (options_.size_given && options_.size != 0) text += ",size=" + std::to_string(options_.size >> 10) + "k";
  if (options_.inodes_given) text += ",nr_inodes=" + std::to_string(options_.inodes);
  if (options_.mode != 01777) {
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, options_.mode, 8).ptr;
    text += ",mode=" + std::string(digits, end);
  }
  if (options_.uid != 0) text += ",uid=" + std::to_string(options_.uid);
  if (options_.gid != 0) text += ",gid=" + std::to_string(options_.gid);
  return text + ",inode64";
}

FileSystem::Statistics Tmpfs::statistics() {
  Statistics result{.magic = 0x01021994};
  const u64 limit = page_limit_.load(std::memory_order_relaxed), used = pages();
  if (limit != ~u64{0}) {
    result.blocks = limit;
    result.blocks_free = limit > used ? limit - used : 0;
  }
  const u64 inode_limit = inode_limit_.load(std::memory_order_relaxed), inodes = inodes_.load(std::memory_order_relaxed);
  if (inode_limit != ~u64{0}) {
    result.inodes = inode_limit;
    result.inodes_free = inode_limit > inodes ? inode_limit - inodes : 0;
  }
  return result;
}

SysResult<> Tmpfs::remount(std::string_view options) {
  SpinGuard guard(lock_);
  const TmpfsOptions parsed = TRY(parse_tmpfs_options(options, options_));
  if (parsed.size_given && parsed.size != 0) {
    if (parsed.size / kPageSize < pages()) return fail(Errno::kINVAL);
    page_limit_ = parsed.size / kPageSize;
  }
  if (parsed.inodes_given && parsed.inodes != 0) {
    if (parsed.inodes < inodes_.load(std::memory_order_relaxed)) return fail(Errno::kINVAL);
    inode_limit_ = parsed.inodes;
  }
  options_ = parsed;
  return {};
}

// Inodes hold the file system and the file system its root: the circle is cut when the last mount goes.
void Tmpfs::shut_down() {
  root_->clear();
  const Ref<TmpfsInode> last = std::move(root_);
}

u64 Tmpfs::charge_pages(u64 pages) {
  const u64 limit = page_limit_.load(std::memory_order_relaxed);
  const u64 before = pages_.fetch_add(pages, std::memory_order_relaxed);
  if (before + pages <= limit) [[likely]]
    return pages;
  const u64 granted = before < limit ? limit - before : 0;
  pages_.fetch_sub(pages - granted, std::memory_order_relaxed);
  return granted;
}

SysResult<> Tmpfs::charge_inode() {
  if (inodes_.fetch_add(1, std::memory_order_relaxed) < inode_limit_.load(std::memory_order_relaxed)) return {};
  inodes_.fetch_sub(1, std::memory_order_relaxed);
  return fail(Errno::kNOSPC);
}

Ref<TmpfsInode> make_memory_inode(u32 mode, u32 uid, u32 gid) {
  static Tmpfs* hidden = std::make_unique<Tmpfs>("tmpfs", TmpfsOptions{.size_given = true, .inodes_given = true}).release();  // lives as long as the server
  auto inode = Ref<TmpfsInode>::adopt(std::make_unique<TmpfsInode>(*hidden, NewNode{.mode = kRegular | mode, .uid = uid, .gid = gid}).release());
  inode->drop_link();
  return inode;
}

}  // namespace hati::linux
