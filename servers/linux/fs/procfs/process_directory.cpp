// SPDX-License-Identifier: MIT
// The directories of a process: /proc/PID, task, task/TID, fd, fdinfo, and the links exe, cwd, root, fd/N.
#include <algorithm>
#include <charconv>

#include "servers/linux/core/world.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/fs/procfs/namespaces.h"
#include "servers/linux/fs/procfs/node.h"

namespace hati::linux::proc {

namespace {

enum FixedInode : u64 { kTaskInode = 64, kFdInode, kFdinfoInode, kExeInode, kCwdInode, kRootLinkInode, kMemInode, kNsInode, kNsLinks };

template <class Number>
bool parse(std::string_view name, Number& number) {
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc{} && end == name.data() + name.size() && (name.size() == 1 || name[0] != '0');
}

Tid id_of(const Subject& subject) { return subject.whole ? subject.process->pid : subject.thread->tid(); }
u64 inode_of(const Subject& subject, u64 index) {
  return process_inode(id_of(subject), index) + (subject.whole ? 0 : kInodesPerProcess / 2);
}

NodeInfo info_of(const Subject& subject, u64 index, u32 mode) {
  const Ref<const Credentials> credentials = subject.thread->credentials();
  const bool own = subject.process->dumpable;
  return {inode_of(subject, index), mode, own ? credentials->euid : 0, own ? credentials->egid : 0};
}

// Waited for: an open file of its directory has nothing to tell any more.
bool is_gone(const Process& process) {
  SpinGuard guard(ProcessTable::lock);
  return process.state == Process::State::kDead;
}

// ---- descriptors ----

class DescriptorDirectory final : public DirectoryNode {
 public:
  DescriptorDirectory(FileSystem& file_system, Subject subject, bool details)
      : DirectoryNode(file_system, info_of(subject, details ? kFdinfoInode : kFdInode, kDirectory | (details ? 0555u : 0500u))),
        subject_(std::move(subject)),
        details_(details) {}

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    i32 number = 0;
    if (!parse(name, number)) return fail(Errno::kNOENT);
    const auto file = find(subject_, number);
    if (!file) return fail(Errno::kNOENT);
    return details_ ? details(number) : descriptor_link(number, **file);
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    const Ref<FdTable> files = subject_.thread->get_files();
    if (!files) return result;
    for (Fd fd : files->list()) {
      const u64 there = kFirstPosition + static_cast<u64>(fd.value);
      if (there >= position)
        result.push_back({std::to_string(fd.value), inode_of(subject_, kDescriptorInodes + static_cast<u64>(fd.value)),
                          details_ ? kRegular : kSymbolicLink, there});
    }
    return result;
  }

 private:
  static SysResult<Ref<File>> find(const Subject& subject, i32 number) {
    const Ref<FdTable> files = subject.thread->get_files();
    if (!files) return fail(Errno::kNOENT);
    auto file = files->get(Fd{number});
    if (!file) return fail(Errno::kNOENT);
    return file;
  }

  SysResult<Ref<Inode>> descriptor_link(i32 number, const File& file) const {
    const u32 mode = kSymbolicLink | (file.readable() ? 0500u : 0100u) | (file.writable() ? 0300u : 0100u);
    const auto target = [subject = subject_, number](Thread* reader) -> SysResult<std::string> {
      if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
      const Ref<File> open = TRY(find(subject, number));
      return file_text(*open, root_of(reader));
    };
    const auto place = [subject = subject_, number](Thread* reader) -> SysResult<Path> {
      if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
      const Ref<File> open = TRY(find(subject, number));
      if (open->path() != nullptr) return *open->path();
      if (open->inode() == nullptr) return fail(Errno::kNXIO);
      return detached_path(Ref<Inode>(*open->inode()), open->description());
    };
    return make_node<LinkNode>(file_system(), info_of(subject_, kDescriptorInodes + static_cast<u64>(number), mode), target, place);
  }

  SysResult<Ref<Inode>> details(i32 number) const {
    const auto text = [subject = subject_, number](Thread* reader) -> SysResult<std::string> {
      const Ref<File> file = TRY(find(subject, number));
      const bool close_on_exec = subject.thread->get_files()->close_on_exec(Fd{number}).value_or(false);
      const u32 flags = file->flags() | (close_on_exec ? kOpenCloseOnExec : 0u);
      std::string octal;
      for (u32 rest = flags; rest != 0; rest >>= 3) octal.insert(0, 1, static_cast<char>('0' + (rest & 7)));
      Text out;
      out.print("pos:\t{}\nflags:\t0{}\nmnt_id:\t{}\nino:\t{}\n{}", file->position(), std::string_view(octal),
                file->path() != nullptr ? file->path()->mount->id() : 0, file->inode() != nullptr ? file->inode()->attributes().inode : 0,
                std::string_view(file->info()));
      return out.take();
    };
    return make_node<TextNode>(file_system(), info_of(subject_, kDescriptorInodes + (1 << 17) + static_cast<u64>(number), kRegular | 0444),
                               text);
  }

  const Subject subject_;
  const bool details_;
};

// ---- one process or thread ----

struct FixedLink {
  const char* name;
  u64 inode;
  SysResult<Path> (*place)(const Subject& subject);
};

SysResult<Path> executable_path(const Subject& subject) {
  const Ref<Mm> mm = subject.thread->get_mm();
  if (!mm || !mm->executable || mm->executable->path() == nullptr) return fail(Errno::kNOENT);
  return *mm->executable->path();
}

SysResult<Path> context_path(const Subject& subject, bool root) {
  const Ref<FsContext> fs = subject.thread->get_fs();
  if (!fs) return fail(Errno::kNOENT);
  return root ? fs->root() : fs->cwd();
}

constexpr FixedLink kLinks[] = {
    {"cwd", kCwdInode, [](const Subject& subject) { return context_path(subject, false); }},
    {"exe", kExeInode, executable_path},
    {"root", kRootLinkInode, [](const Subject& subject) { return context_path(subject, true); }},
};

Ref<Inode> subject_directory(FileSystem& file_system, Subject subject);

class TaskDirectory final : public DirectoryNode {
 public:
  TaskDirectory(FileSystem& file_system, Subject subject)
      : DirectoryNode(file_system, info_of(subject, kTaskInode, kDirectory | 0555)), process_(subject.process) {}

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    Tid tid = 0;
    if (!parse(name, tid)) return fail(Errno::kNOENT);
    for (const Ref<Thread>& thread : process_->get_threads())
      if (thread->tid() == tid) return subject_directory(file_system(), Subject{process_, thread, false});
    return fail(Errno::kNOENT);
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    for (const Ref<Thread>& thread : process_->get_threads()) {
      const u64 there = kFirstPosition + static_cast<u64>(thread->tid());
      if (there >= position) result.push_back({std::to_string(thread->tid()), inode_of({process_, thread, false}, 0), kDirectory, there});
    }
    std::ranges::sort(result, {}, &Entry::position);
    return result;
  }

 private:
  const Ref<Process> process_;
};

// ns: links to what setns(2) takes.
class NamespaceDirectory final : public DirectoryNode {
 public:
  NamespaceDirectory(FileSystem& file_system, Subject subject)
      : DirectoryNode(file_system, info_of(subject, kNsInode, kDirectory | 0511)), subject_(std::move(subject)) {}

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    const auto kinds = namespace_kinds();
    for (usize i = 0; i < kinds.size(); ++i)
      if (name == kinds[i].name) return link_to(kinds[i], i);
    return fail(Errno::kNOENT);
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    for (usize i = 0; i < namespace_kinds().size(); ++i)
      if (kFirstPosition + i >= position)
        result.push_back({namespace_kinds()[i].name, inode_of(subject_, kNsLinks + i), kSymbolicLink, kFirstPosition + i});
    return result;
  }

 private:
  SysResult<Ref<Inode>> link_to(const NamespaceKind& kind, usize index) const {
    const auto find = [subject = subject_, &kind](Thread* reader) -> SysResult<Ref<NsfsInode>> {
      if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
      Ref<NsfsInode> found = namespace_inode(kind, subject);
      if (!found) return fail(Errno::kNOENT);
      return found;
    };
    const auto target = [find](Thread* reader) -> SysResult<std::string> {
      const Ref<NsfsInode> found = TRY(find(reader));
      return found->text();
    };
    const auto place = [find](Thread* reader) -> SysResult<Path> {
      const Ref<NsfsInode> found = TRY(find(reader));
      return detached_path(Ref<Inode>(*found), found->text());
    };
    return make_node<LinkNode>(file_system(), info_of(subject_, kNsLinks + index, kSymbolicLink | 0777), target, place);
  }

  const Subject subject_;
};

class SubjectDirectory final : public DirectoryNode {
 public:
  SubjectDirectory(FileSystem& file_system, Subject subject)
      : DirectoryNode(file_system, info_of(subject, 0, kDirectory | 0555)), subject_(std::move(subject)) {}

  SysResult<Ref<Inode>> lookup_now(std::string_view name) override {
    u64 index = 0;
    for (const ProcessFile& file : process_files()) {
      ++index;
      if (name == file.name) return text(file, index);
    }
    for (const FixedLink& fixed : kLinks)
      if (name == fixed.name) return fixed_link(fixed);
    if (name == "mem") return memory_node(file_system(), info_of(subject_, kMemInode, kRegular | 0600), subject_);
    if (name == "fd" || name == "fdinfo") return make_node<DescriptorDirectory>(file_system(), subject_, name == "fdinfo");
    if (name == "ns") return make_node<NamespaceDirectory>(file_system(), subject_);
    if (name == "task" && subject_.whole) return make_node<TaskDirectory>(file_system(), subject_);
    return fail(Errno::kNOENT);
  }

 protected:
  std::vector<Entry> entries(u64 position) const override {
    std::vector<Entry> result;
    u64 at = kFirstPosition, index = 0;
    const auto add = [&](const char* name, u64 inode, u32 type) {
      if (at >= position) result.push_back({name, inode_of(subject_, inode), type, at});
      ++at;
    };
    for (const ProcessFile& file : process_files()) add(file.name, ++index, kRegular);
    add("mem", kMemInode, kRegular);
    for (const FixedLink& fixed : kLinks) add(fixed.name, fixed.inode, kSymbolicLink);
    add("fd", kFdInode, kDirectory);
    add("fdinfo", kFdinfoInode, kDirectory);
    add("ns", kNsInode, kDirectory);
    if (subject_.whole) add("task", kTaskInode, kDirectory);
    return result;
  }

 private:
  SysResult<Ref<Inode>> text(const ProcessFile& file, u64 index) const {
    const auto read = [subject = subject_, &file](Thread* reader) -> SysResult<std::string> {
      if (is_gone(*subject.process)) return fail(Errno::kSRCH);
      return file.read(subject, reader);
    };
    Writer write;
    if (file.write != nullptr)
      write = [subject = subject_, &file](Thread& writer, std::string_view bytes) { return file.write(subject, writer, bytes); };
    return make_node<TextNode>(file_system(), info_of(subject_, index, kRegular | file.mode), read, std::move(write));
  }

  SysResult<Ref<Inode>> fixed_link(const FixedLink& fixed) const {
    const auto place = [subject = subject_, &fixed](Thread* reader) -> SysResult<Path> {
      if (!may_inspect(reader, subject)) return fail(Errno::kACCES);
      return fixed.place(subject);
    };
    const auto target = [place](Thread* reader) -> SysResult<std::string> {
      const Path path = TRY(place(reader));
      return path_text(path, root_of(reader));
    };
    return make_node<LinkNode>(file_system(), info_of(subject_, fixed.inode, kSymbolicLink | 0777), target, place);
  }

  const Subject subject_;
};

Ref<Inode> subject_directory(FileSystem& file_system, Subject subject) {
  return make_node<SubjectDirectory>(file_system, std::move(subject));
}

}  // namespace

Ref<Inode> process_directory(FileSystem& file_system, Ref<Process> process) {
  Ref<Thread> leader = process->get_leader();
  if (!leader) return nullptr;
  return subject_directory(file_system, Subject{std::move(process), std::move(leader), true});
}

}  // namespace hati::linux::proc
