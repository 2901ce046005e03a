// SPDX-License-Identifier: MIT
// The kinds of nodes that procfs is made of: text files, links, directories. They live only while somebody uses them, so dentries are not cached.
#pragma once

#include <functional>

#include "base/format.h"
#include "servers/linux/fs/procfs/procfs.h"
#include "servers/linux/process/process.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux::proc {

// Text as it grows.
class Text final : public TextSink {
 public:
  void write(std::string_view text) override { text_ += text; }
  template <class... Args>
  Text& print(FormatString<Args...> format, const Args&... args) {
    format_to(*this, format, args...);
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

struct NodeInfo {
  u64 inode;
  u32 mode;
  u32 uid = 0, gid = 0;
};

class Node : public Inode {
 public:
  Node(FileSystem& file_system, const NodeInfo& info) : Inode(file_system), info_(info), time_(wall_time_now()) {}
  u32 mode() const override { return info_.mode; }
  Attributes attributes() const override;
  Owner owner() const override { return {info_.mode, info_.uid, info_.gid}; }
  bool cacheable() const override { return false; }

 protected:
  const NodeInfo info_;

 private:
  const Timespec time_;
};

using Reader = std::function<SysResult<std::string>(Thread* reader)>;
using Writer = std::function<SysResult<>(Thread& writer, std::string_view text)>;

// A file whose contents are made at the first read (and again when it is read from the beginning).
class TextNode final : public Node {
 public:
  TextNode(FileSystem& file_system, const NodeInfo& info, Reader reader, Writer writer = {})
      : Node(file_system, info), reader_(std::move(reader)), writer_(std::move(writer)) {}
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override;
  const Reader& reader() const { return reader_; }
  const Writer& writer() const { return writer_; }
  // procfs answers truncation by open(O_TRUNC) with success.
  Task<SysResult<>> set_attributes(AttributeChange change) override;

 private:
  const Reader reader_;
  const Writer writer_;
};

// A symbolic link; where `place` is set, following it leads straight there (exe, cwd, root, fd/N).
class LinkNode final : public Node {
 public:
  using Place = std::function<SysResult<Path>(Thread* thread)>;
  LinkNode(FileSystem& file_system, const NodeInfo& info, Reader target, Place place = {})
      : Node(file_system, info), target_(std::move(target)), place_(std::move(place)) {}
  SysResult<std::string> read_link_now(Thread* thread) override { return target_(thread); }
  bool is_magic_link() const override { return static_cast<bool>(place_); }
  SysResult<Path> follow_magic(Thread* thread) override { return place_(thread); }

 private:
  const Reader target_;
  const Place place_;
};

struct Entry {
  std::string name;
  u64 inode;
  u32 type;      // FileType
  u64 position;  // ascending, at least kFirstPosition
};
inline constexpr u64 kFirstPosition = 2;

class DirectoryNode : public Node {
 public:
  using Node::Node;
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override;
  SysResult<> iterate(File& file, DirectoryEmitter& emitter) override;
  Task<SysResult<Ref<Inode>>> lookup(std::string name) override { co_return lookup_now(name); }

 protected:
  // Entries at or after `position`.
  virtual std::vector<Entry> entries(u64 position) const = 0;
  virtual u64 parent_inode() const { return 1; }
};

// Inode numbers: 1 the root, then a range for each thread or process.
enum InodeRange : u64 { kRootInode = 1, kRootFiles = 16, kSysFiles = 4096, kProcessBase = u64{1} << 20 };
inline constexpr u64 kInodesPerProcess = u64{1} << 20;
inline constexpr u64 kDescriptorInodes = u64{1} << 18;  // fd/N within the range
constexpr u64 process_inode(Tid tid, u64 index) { return kProcessBase + static_cast<u64>(tid) * kInodesPerProcess + index; }

template <class T, class... Args>
Ref<Inode> make_node(Args&&... args) {
  return Ref<Inode>(Ref<T>::adopt(std::make_unique<T>(std::forward<Args>(args)...).release()));
}

// ---- the parts ----

// Files of the root directory and of /proc/sys: by name (root) or path below sys.
struct RootFile {
  const char* name;
  u32 mode;
  std::string (*read)(Thread* reader);
};
std::span<const RootFile> root_files();                                                             // root_files.cpp
std::string cpu_info();                                                                             // cpu_info.cpp
SysResult<Ref<Inode>> sys_directory(FileSystem& file_system, std::string path);                     // sys.cpp
// /proc/PID. Null if the process is gone.
Ref<Inode> process_directory(FileSystem& file_system, Ref<Process> process);                        // process_directory.cpp

// A process as a reader sees it, taken at the moment of reading.
struct Subject {
  Ref<Process> process;
  Ref<Thread> thread;  // the leader, or the one of task/TID; may have ended
  bool whole;          // the process, not one thread
};
struct ProcessFile {
  const char* name;
  u32 mode;
  SysResult<std::string> (*read)(const Subject& subject, Thread* reader);
  SysResult<> (*write)(const Subject& subject, Thread& writer, std::string_view text);
};
std::span<const ProcessFile> process_files();                                                       // process_files.cpp
SysResult<std::string> stat_text(const Subject& subject, Thread* reader);                           // process_stat.cpp
SysResult<std::string> statm_text(const Subject& subject, Thread* reader);
SysResult<std::string> status_text(const Subject& subject, Thread* reader);
SysResult<std::string> maps_text(const Subject& subject, Thread* reader);                           // process_maps.cpp
SysResult<std::string> smaps_text(const Subject& subject, Thread* reader);
SysResult<std::string> syscall_text(const Subject& subject, Thread* reader);                        // process_memory.cpp
Ref<Inode> memory_node(FileSystem& file_system, const NodeInfo& info, Subject subject);
SysResult<std::string> mounts_text(const Subject& subject, Thread* reader);                         // mounts.cpp
SysResult<std::string> mountinfo_text(const Subject& subject, Thread* reader);
// Whether `reader` may look into the process as ptrace(2) demands for reading: same user or CAP_SYS_PTRACE.
bool may_inspect(Thread* reader, const Subject& subject);
Path root_of(Thread* thread);

}  // namespace hati::linux::proc
