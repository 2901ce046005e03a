// SPDX-License-Identifier: MIT
#include "servers/ext4/tests/support.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hati::ext4::testing {

namespace {

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}
Task<int> to_int(Task<void> body) {
  co_await std::move(body);
  co_return 7;
}

}  // namespace

Task<Result<void>> MemoryDisk::read(u64 offset, Piece to) {
  if (offset > image.size() || to.size > image.size() - offset) co_return fail(Error::kIo);
  std::memcpy(to.bytes, image.data() + offset, to.size);
  co_return Result<void>{};
}

Task<Result<void>> MemoryDisk::write(u64 offset, Piece from) {
  if (offset % 512 != 0 || from.size % 512 != 0) die("a write that is no multiple of sectors");
  if (offset > image.size() || from.size > image.size() - offset || fail_after == 0) co_return fail(Error::kIo);
  if (fail_after != ~u64{0}) --fail_after;
  std::memcpy(image.data() + offset, from.bytes, from.size);
  if (logging) log.push_back({offset, {from.bytes, from.bytes + from.size}});
  co_return Result<void>{};
}

Task<Result<void>> MemoryDisk::flush() {
  if (fail_after == 0) co_return fail(Error::kIo);
  if (logging) log.push_back({});
  co_return Result<void>{};
}

Result<void> MemoryDisk::clear(Piece piece) {
  std::memset(piece.bytes, 0, piece.size);
  return {};
}

const std::string& scratch() {
  static const struct Folder {
    std::string path;
    Folder() {
      // In memory: mke2fs and e2fsck wait for the disk.
      char name[] = "/dev/shm/hati-ext4-XXXXXX";
      if (mkdtemp(name) == nullptr) die("no folder for images");
      path = name;
    }
    ~Folder() { (void)std::system(("rm -rf " + path).c_str()); }
  } folder;
  return folder.path;
}

CommandResult run_command(const std::string& line) {
  FILE* pipe = popen((line + " 2>&1").c_str(), "r");
  if (pipe == nullptr) die("popen");
  CommandResult result{};
  char buffer[4096];
  while (const usize count = fread(buffer, 1, sizeof(buffer), pipe)) result.output.append(buffer, count);
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
  return result;
}

std::vector<std::byte> load_file(const std::string& path) {
  FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) die("cannot open " + path);
  std::fseek(file, 0, SEEK_END);
  std::vector<std::byte> contents(static_cast<usize>(std::ftell(file)));
  std::rewind(file);
  if (std::fread(contents.data(), 1, contents.size(), file) != contents.size()) die("cannot read " + path);
  std::fclose(file);
  return contents;
}

void save_image(const std::vector<std::byte>& image, const std::string& path) {
  FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr || std::fwrite(image.data(), 1, image.size(), file) != image.size()) die("cannot write " + path);
  std::fclose(file);
}

std::vector<std::byte> make_image(const std::string& options, u64 kib) {
  const std::string path = scratch() + "/made.img";
  ::unlink(path.c_str());
  const auto made = run_command("mke2fs -q -F " + options + " " + path + " " + std::to_string(kib) + "k");
  if (made.status != 0) die("mke2fs " + options + ": " + made.output);
  return load_file(path);
}

std::string check_image(const std::vector<std::byte>& image) {
  const std::string path = scratch() + "/check.img";
  save_image(image, path);
  const auto checked = run_command("e2fsck -fn " + path);
  return checked.status == 0 ? "" : checked.output;
}

std::string debugfs(const std::vector<std::byte>& image, const std::string& request) {
  const std::string path = scratch() + "/debugfs.img";
  save_image(image, path);
  return run_command("debugfs -R '" + request + "' " + path).output;
}

void run_task(Task<void> body) {
  Simulation simulation(1, 1);
  if (simulation.run(to_int(std::move(body))) != 7) die("a task is stuck");
}

Mounted mount(MemoryDisk& disk, MountOptions options) {
  Mounted result;
  auto volume = wait_for(Volume::mount(&disk, options, &result.reason));
  if (volume) {
    result.fs = std::make_unique<FileSystem>(*std::move(volume));
  } else {
    result.error = volume.error();
  }
  return result;
}

Piece piece_of(std::string& text) { return {.bytes = reinterpret_cast<std::byte*>(text.data()), .size = text.size()}; }

Outcome<void> write_file(FileSystem& fs, u32 node, const std::string& text) {
  std::string padded = text;
  padded.resize((text.size() + 4095) / 4096 * 4096);
  if (!padded.empty()) TRY(wait_for(fs.write(node, 0, piece_of(padded))));
  TRY(wait_for(fs.set_attributes(node, {.bits = AttributeChange::kSize, .size = text.size()}, someone())));
  return {};
}

Outcome<std::string> read_file(FileSystem& fs, u32 node, u64 size) {
  std::string text((size + 4095) / 4096 * 4096, '?');
  if (!text.empty()) TRY(wait_for(fs.read(node, 0, piece_of(text))));
  text.resize(size);
  return text;
}

std::vector<ListedEntry> list_all(FileSystem& fs, u32 directory, usize batch) {
  std::vector<ListedEntry> all;
  for (u64 cookie = 0;;) {
    auto part = wait_for(fs.list(directory, cookie, batch));
    if (!part || part->empty()) return all;
    cookie = part->back().next;
    for (ListedEntry& entry : *part) all.push_back(std::move(entry));
  }
}

void forget(FileSystem& fs, u32 node) {
  if (node != kRootInode) (void)wait_for(fs.forget(node, 1, someone().now));
}

Outcome<Attributes> walk(FileSystem& fs, const std::string& path) {
  Attributes at = TRY(wait_for(fs.attributes(kRootInode)));
  for (usize begin = 0; begin < path.size();) {
    const usize end = std::min(path.find('/', begin), path.size());
    if (end > begin) {
      auto next = wait_for(fs.lookup(at.node, path.substr(begin, end - begin)));
      forget(fs, at.node);
      at = TRY(std::move(next));
    }
    begin = end + 1;
  }
  return at;
}

namespace {

void visit(FileSystem& fs, u32 directory, const std::string& path, std::map<std::string, std::string>* result) {
  for (const ListedEntry& entry : list_all(fs, directory)) {
    if (entry.name == "." || entry.name == "..") continue;
    auto found = wait_for(fs.lookup(directory, entry.name));
    const std::string name = path + "/" + entry.name;
    if (!found) {
      (*result)[name] = "error " + std::to_string(static_cast<int>(found.error()));
      continue;
    }
    std::string text = std::to_string(found->mode) + " ";
    switch (found->mode & kTypeMask) {
      case kRegular: {
        auto data = read_file(fs, found->node, std::min<u64>(found->size, 64 << 20));
        text += std::to_string(found->size) + " " + (data ? *data : "unreadable " + std::to_string(static_cast<int>(data.error())));
        break;
      }
      case kSymlinkMode: text += wait_for(fs.read_link(found->node)).value_or("unreadable"); break;
      case kDirectoryMode: visit(fs, found->node, name, result); break;
      default: text += std::to_string(found->device); break;
    }
    (*result)[name] = text;
    forget(fs, found->node);
  }
}

}  // namespace

std::map<std::string, std::string> snapshot(FileSystem& fs) {
  std::map<std::string, std::string> result;
  visit(fs, kRootInode, "", &result);
  return result;
}

}  // namespace hati::ext4::testing
