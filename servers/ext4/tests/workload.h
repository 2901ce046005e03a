// SPDX-License-Identifier: MIT
// Random operations on a file system and on a model of it.
#pragma once

#include <random>
#include <set>

#include "servers/ext4/tests/support.h"

namespace hati::ext4::testing {

class Workload {
 public:
  struct Item {
    u32 mode = 0;
    std::shared_ptr<std::string> text = std::make_shared<std::string>();  // contents, or target
  };
  Workload(FileSystem& fs, u64 seed, bool extents) : fs_(&fs), random_(seed), extents_(extents) {}

  // One operation; both sides agree on whether it works, or the returned text says what happened.
  std::string step();
  // As snapshot().
  std::map<std::string, std::string> expected() const;
  std::string expected_of(const std::string& path) const;
  // Paths that the last operation may have changed.
  const std::set<std::string>& touched() const { return touched_; }
  std::string any_file();
  // After a new mount, which knows nothing of files that were held.
  void use(FileSystem& fs) {
    fs_ = &fs;
    held_.clear();
  }
  u64 random(u64 below) { return below == 0 ? 0 : random_() % below; }

 private:
  std::string create();
  std::string write();
  std::string truncate();
  std::string punch();
  std::string remove();
  std::string rename();
  std::string link();
  std::string change_held();
  std::string hold(const std::string& path);
  std::string any_path();
  std::string any_folder();
  std::string new_path();
  void touch_text(const std::shared_ptr<std::string>& text);
  std::string compare(const char* what, const std::string& path, bool expected, const Outcome<void>& result);

  FileSystem* fs_;
  std::mt19937_64 random_;
  bool extents_;
  std::map<std::string, Item> items_;
  std::set<std::string> touched_;
  std::vector<u32> held_;  // open files, most without a name
  u32 serial_ = 0;
};

}  // namespace hati::ext4::testing
