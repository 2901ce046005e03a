// SPDX-License-Identifier: MIT
// For tests of the file system: a disk in memory that can log what is written, e2fsprogs, and running tasks to their end.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hosted/simulation.h"
#include "servers/ext4/names/file_system.h"

namespace hati::ext4::testing {

class MemoryDisk : public BlockDevice {
 public:
  struct Event {  // no bytes: a flush
    u64 offset;
    std::vector<std::byte> data;
  };
  explicit MemoryDisk(std::vector<std::byte> contents) : image(std::move(contents)) {}
  u64 bytes() const override { return image.size(); }
  bool read_only() const override { return is_read_only; }
  Task<Result<void>> read(u64 offset, Piece to) override;
  Task<Result<void>> write(u64 offset, Piece from) override;
  Task<Result<void>> flush() override;
  Task<Result<void>> discard(u64, u64) override { co_return Result<void>{}; }
  Result<void> clear(Piece piece) override;

  std::vector<std::byte> image;
  bool is_read_only = false;
  bool logging = false;
  std::vector<Event> log;
  u64 fail_after = ~u64{0};  // writes that still succeed
};

// A folder that goes at the end of the process.
const std::string& scratch();
struct CommandResult {
  int status;
  std::string output;
};
CommandResult run_command(const std::string& line);
// `mke2fs OPTIONS FILE SIZE`, size in KiB.
std::vector<std::byte> make_image(const std::string& options, u64 kib);
void save_image(const std::vector<std::byte>& image, const std::string& path);
std::vector<std::byte> load_file(const std::string& path);
// What `e2fsck -fn` says; empty if it is content.
std::string check_image(const std::vector<std::byte>& image);
std::string debugfs(const std::vector<std::byte>& image, const std::string& request);

// Runs `body` on one simulated worker. Fails the test if it gets stuck.
void run_task(Task<void> body);
// The value of a task, or its error; a stuck task aborts.
template <class T>
Task<void> keep(Async<T> task, Outcome<T>* result) {
  *result = co_await std::move(task);
}
template <class T>
Outcome<T> wait_for(Async<T> task) {
  Outcome<T> result = failed(Errno::kBusy);
  run_task(keep(std::move(task), &result));
  return result;
}

struct Mounted {
  std::unique_ptr<FileSystem> fs;
  std::string reason;
  Errno error{};
  explicit operator bool() const { return fs != nullptr; }
  FileSystem* operator->() const { return fs.get(); }
};
Mounted mount(MemoryDisk& disk, MountOptions options = {.now = {1'700'000'000, 5}});

inline Caller someone(i64 seconds = 1'700'000'100) { return {.uid = 1000, .gid = 1000, .now = {seconds, 123'456'789}}; }
Piece piece_of(std::string& text);
// Writes text padded to blocks and sets the size.
Outcome<void> write_file(FileSystem& fs, u32 node, const std::string& text);
Outcome<std::string> read_file(FileSystem& fs, u32 node, u64 size);
std::vector<ListedEntry> list_all(FileSystem& fs, u32 directory, usize batch = 7);
// Path from the root, without symbolic links; holds no reference afterwards but counts them as the client would.
Outcome<Attributes> walk(FileSystem& fs, const std::string& path);
void forget(FileSystem& fs, u32 node);

// The whole tree: path -> "type mode ... contents".
std::map<std::string, std::string> snapshot(FileSystem& fs);

}  // namespace hati::ext4::testing
