// SPDX-License-Identifier: MIT
#include "servers/ext4/tests/workload.h"

#include <algorithm>

namespace hati::ext4::testing {

namespace {

std::pair<std::string, std::string> split(const std::string& path) {
  const usize slash = path.rfind('/');
  return {path.substr(0, slash), path.substr(slash + 1)};
}
bool below(const std::string& path, const std::string& folder) { return path.size() > folder.size() && path.starts_with(folder + "/"); }
Outcome<void> plain(const auto& result) {
  if (!result) return failed(result.error());
  return {};
}

}  // namespace

std::string Workload::compare(const char* what, const std::string& path, bool expected, const Outcome<void>& result) {
  // A full disk is nobody's fault.
  if (!result && result.error() == Errno::kNoSpace) return "";
  if (result.has_value() == expected) return "";
  return std::string(what) + " " + path + (result ? " worked" : " failed with " + std::to_string(static_cast<int>(result.error())));
}

std::string Workload::any_path() {
  if (items_.empty()) return "";
  auto at = items_.begin();
  std::advance(at, random(items_.size()));
  return at->first;
}
std::string Workload::any_file() {
  for (int tries = 0; tries < 20; ++tries) {
    const std::string path = any_path();
    if (!path.empty() && (items_[path].mode & kTypeMask) == kRegular) return path;
  }
  return "";
}
std::string Workload::any_folder() {
  for (int tries = 0; tries < 4; ++tries) {
    const std::string path = any_path();
    if (!path.empty() && (items_[path].mode & kTypeMask) == kDirectoryMode) return path;
  }
  return "";
}
std::string Workload::new_path() {
  const std::string pad(random(6) == 0 ? 180 : random(12), 'n');
  return any_folder() + "/" + pad + std::to_string(random(8) == 0 ? random(serial_ + 1) : serial_++);
}

void Workload::touch_text(const std::shared_ptr<std::string>& text) {
  for (const auto& [path, item] : items_) {
    if (item.text == text) touched_.insert(path);
  }
}

std::string Workload::create() {
  const std::string path = new_path();
  const auto [folder, name] = split(path);
  static constexpr u32 kModes[] = {kRegular | 0644,       kRegular | 0600,     kRegular | 0640,
                                   kDirectoryMode | 0755, kSymlinkMode | 0777, kFifo | 0600};
  NewNode wanted{.mode = kModes[random(6)]};
  if ((wanted.mode & kTypeMask) == kSymlinkMode) wanted.target = std::string(1 + random(2) * 100 + random(30), 't');
  touched_.insert(path);
  const auto parent = walk(*fs_, folder);
  if (!parent) return "no folder " + folder;
  auto made = wait_for(fs_->create(parent->node, name, wanted, someone()));
  forget(*fs_, parent->node);
  const std::string wrong = compare("create", path, !items_.contains(path), plain(made));
  if (!made) return wrong;
  forget(*fs_, made->node);
  items_[path] = {wanted.mode, std::make_shared<std::string>(wanted.target)};
  return wrong;
}

std::string Workload::write() {
  const std::string path = any_file();
  if (path.empty()) return "";
  std::string& text = *items_[path].text;
  touch_text(items_[path].text);
  const u64 from = random(12) * 4096, bytes = 1 + random(random(8) == 0 ? 60'000 : 9'000);
  const u64 end = from + bytes;
  std::string model = text;
  model.resize(std::max<u64>(text.size(), end));
  for (u64 i = from; i < end; ++i) model[i] = static_cast<char>('a' + (i + serial_) % 26);
  std::string pages = model.substr(from, (bytes + 4095) / 4096 * 4096);
  pages.resize((bytes + 4095) / 4096 * 4096);
  const auto found = walk(*fs_, path);
  if (!found) return "no file " + path;
  auto done = wait_for(fs_->write(found->node, from, piece_of(pages)));
  if (done && model.size() > text.size()) {
    done = plain(wait_for(fs_->set_attributes(found->node, {.bits = AttributeChange::kSize, .size = model.size()}, someone())));
  }
  forget(*fs_, found->node);
  const std::string wrong = compare("write", path, true, done);
  if (done) {
    text = model;
  } else {
    // Parts of it may be there: as a program would, it starts again.
    touched_.insert(path);
    const auto again = walk(*fs_, path);
    if (!wait_for(fs_->set_attributes(again->node, {.bits = AttributeChange::kSize, .size = 0}, someone())))
      return "no truncation of " + path;
    text.clear();
    forget(*fs_, again->node);
  }
  return wrong;
}

std::string Workload::truncate() {
  const std::string path = any_file();
  if (path.empty()) return "";
  touch_text(items_[path].text);
  const u64 size = random(70'000);
  const auto found = walk(*fs_, path);
  if (!found) return "no file " + path;
  const auto done = wait_for(fs_->set_attributes(found->node, {.bits = AttributeChange::kSize, .size = size}, someone()));
  forget(*fs_, found->node);
  if (done) items_[path].text->resize(size);
  return compare("truncate", path, true, plain(done));
}

std::string Workload::punch() {
  const std::string path = any_file();
  if (path.empty()) return "";
  std::string& text = *items_[path].text;
  touch_text(items_[path].text);
  const u64 from = random(40'000), bytes = 1 + random(20'000);
  const u32 flags = extents_ && random(2) == 0 ? kZeroRange | kKeepSize : kPunchHole | kKeepSize;
  const auto found = walk(*fs_, path);
  if (!found) return "no file " + path;
  const auto done = wait_for(fs_->allocate(found->node, from, bytes, flags, someone()));
  forget(*fs_, found->node);
  if (done || done.error() == Errno::kNoSpace) {
    for (u64 i = from; i < std::min<u64>(from + bytes, text.size()) && done; ++i) text[i] = 0;
  }
  return compare("punch", path, true, done);
}

std::string Workload::remove() {
  const std::string path = any_path();
  if (path.empty()) return "";
  const auto [folder, name] = split(path);
  const bool is_folder = (items_[path].mode & kTypeMask) == kDirectoryMode;
  touched_.insert(path);
  const bool empty = std::ranges::none_of(items_, [&](const auto& item) { return below(item.first, path); });
  const auto parent = walk(*fs_, folder);
  if (!parent) return "no folder " + folder;
  if (!is_folder && random(3) == 0) {
    if (std::string wrong = hold(path); !wrong.empty()) return wrong;
  }
  const auto done =
      is_folder ? wait_for(fs_->remove_directory(parent->node, name, someone())) : wait_for(fs_->unlink(parent->node, name, someone()));
  forget(*fs_, parent->node);
  if (done) items_.erase(path);
  return compare("remove", path, !is_folder || empty, done ? Outcome<void>{} : Outcome<void>(failed(done.error())));
}

// Opens a file that is about to lose a name.
std::string Workload::hold(const std::string& path) {
  const auto found = walk(*fs_, path);
  if (!found) return "no file " + path;
  held_.push_back(found->node);
  if (held_.size() <= 4) return "";
  forget(*fs_, held_.front());
  held_.erase(held_.begin());
  return "";
}

// What is done to files without names is seen by nobody later, but e2fsck looks at it. Files with other names stay as they are.
std::string Workload::change_held() {
  if (held_.empty()) return "";
  const u32 node = held_[random(held_.size())];
  const auto found = wait_for(fs_->attributes(node));
  if (!found) return "no attributes of an open file";
  if (found->links != 0 || (found->mode & kTypeMask) != kRegular) return "";
  if (random(2) == 0) {
    std::string pages(4096 * (1 + random(6)), 'h');
    const auto done = wait_for(fs_->write(node, random(16) * 4096, piece_of(pages)));
    if (!done) return compare("write", "an open file", true, done);
  }
  return compare("truncate", "an open file", true,
                 plain(wait_for(fs_->set_attributes(node, {.bits = AttributeChange::kSize, .size = random(70'000)}, someone()))));
}

std::string Workload::rename() {
  const std::string from = any_path();
  if (from.empty()) return "";
  const std::string to = random(3) == 0 ? any_path() : new_path();
  const auto [from_folder, from_name] = split(from);
  const auto [to_folder, to_name] = split(to);
  const bool moves_folder = (items_[from].mode & kTypeMask) == kDirectoryMode;
  bool possible = !(moves_folder && (below(to, from)));
  const bool present = items_.contains(to);
  if (present && from != to && items_[from].text != items_[to].text) {
    const bool onto_folder = (items_[to].mode & kTypeMask) == kDirectoryMode;
    possible =
        possible && onto_folder == moves_folder && std::ranges::none_of(items_, [&](const auto& item) { return below(item.first, to); });
  }
  for (const auto& [path, item] : items_) {
    if (path == from || below(path, from)) touched_.insert({path, to + path.substr(from.size())});
  }
  touched_.insert(to);
  const auto source = walk(*fs_, from_folder), target = walk(*fs_, to_folder);
  if (!source || !target) return "no folder for " + from + " " + to;
  const auto done = wait_for(fs_->rename(source->node, from_name, target->node, to_name, 0, someone()));
  forget(*fs_, source->node);
  forget(*fs_, target->node);
  if (done && from != to && !(present && items_[from].text == items_[to].text)) {
    items_.erase(to);
    std::map<std::string, Item> moved;
    for (const auto& [path, item] : items_) moved[path == from || below(path, from) ? to + path.substr(from.size()) : path] = item;
    items_ = std::move(moved);
  }
  return compare("rename", from + " to " + to, possible, done);
}

std::string Workload::link() {
  const std::string from = any_file();
  if (from.empty()) return "";
  const std::string to = new_path();
  const auto [folder, name] = split(to);
  touched_.insert(to);
  const auto node = walk(*fs_, from), target = walk(*fs_, folder);
  if (!node || !target) return "no file or folder for " + from + " " + to;
  const auto done = wait_for(fs_->link(node->node, target->node, name, someone()));
  forget(*fs_, node->node);
  forget(*fs_, target->node);
  if (done) forget(*fs_, done->node);
  const std::string wrong = compare("link", to, !items_.contains(to), plain(done));
  if (done) items_[to] = items_[from];
  return wrong;
}

std::string Workload::step() {
  touched_.clear();
  switch (random(17)) {
    case 0 ... 4: return create();
    case 5 ... 8: return write();
    case 9: return truncate();
    case 10: return punch();
    case 11 ... 12: return remove();
    case 13 ... 14: return rename();
    case 15: return change_held();
    default: return link();
  }
}

std::string Workload::expected_of(const std::string& path) const {
  const auto found = items_.find(path);
  if (found == items_.end()) return "";
  const Item& item = found->second;
  std::string text = std::to_string(item.mode) + " ";
  if ((item.mode & kTypeMask) == kRegular) text += std::to_string(item.text->size()) + " ";
  if ((item.mode & kTypeMask) == kFifo) return text + "0";
  return text + *item.text;
}

std::map<std::string, std::string> Workload::expected() const {
  std::map<std::string, std::string> result;
  for (const auto& [path, item] : items_) result[path] = expected_of(path);
  return result;
}

}  // namespace hati::ext4::testing
