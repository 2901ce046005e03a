// SPDX-License-Identifier: MIT
// /proc/PID/mounts and mountinfo: the mounts below the process's root.
#include "servers/linux/fs/procfs/node.h"

namespace hati::linux::proc {

namespace {

// Space, tab, newline and backslash as three octal digits.
std::string escape(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
      const u8 byte = static_cast<u8>(c);
      result += '\\';
      result += static_cast<char>('0' + (byte >> 6));
      result += static_cast<char>('0' + (byte >> 3 & 7));
      result += static_cast<char>('0' + (byte & 7));
    } else {
      result += c;
    }
  }
  return result;
}

// Options of the mount itself.
std::string mount_options(const Mount& mount) {
  struct Option {
    u32 flag;
    const char* name;
  };
  static constexpr Option kOptions[] = {{kMountNoSuid, ",nosuid"}, {kMountNoDev, ",nodev"}, {kMountNoExec, ",noexec"}, {kMountNoAccessTime, ",noatime"},
                                        {kMountNoDirAccessTime, ",nodiratime"}, {kMountRelativeTime, ",relatime"}};
  std::string text = mount.read_only() ? "ro" : "rw";
  for (const Option& option : kOptions)
    if ((mount.flags() & option.flag) != 0) text += option.name;
  return text;
}

// Where it is mounted, seen from `root`; nothing if it lies outside.
std::string mount_point(const Ref<Mount>& mount, const Path& root) {
  const std::string text = path_text(Path{mount, mount->root()}, root);
  return text.starts_with("(unreachable)") ? std::string() : text;
}

Path subject_root(const Subject& subject) {
  const Ref<FsContext> fs = subject.thread->get_fs();
  return fs ? fs->root() : Path{};
}

}  // namespace

SysResult<std::string> mounts_text(const Subject& subject, Thread* reader) {
  const Path root = subject_root(subject);
  if (!root) return fail(Errno::kINVAL);
  Text text;
  for (const MountRecord& record : MountTree::instance().list()) {
    const std::string point = mount_point(record.mount, root);
    if (point.empty()) continue;
    FileSystem& file_system = record.mount->file_system();
    text.print("{} {} {} {}{} 0 0\n", std::string_view(escape(record.mount->source())), std::string_view(escape(point)),
               std::string_view(file_system.type_name()), std::string_view(mount_options(*record.mount)),
               std::string_view(file_system.options()));
  }
  return text.take();
}

SysResult<std::string> mountinfo_text(const Subject& subject, Thread* reader) {
  const Path root = subject_root(subject);
  if (!root) return fail(Errno::kINVAL);
  Text text;
  for (const MountRecord& record : MountTree::instance().list()) {
    const std::string point = mount_point(record.mount, root);
    if (point.empty()) continue;
    const Mount& mount = *record.mount;
    // The root of the mount within its file system: the dentry's own path, without mounts.
    std::string inside;
    for (Ref<Dentry> at = mount.root(); at->parent(); at = at->parent()) inside.insert(0, "/" + at->name());
    const u32 device = mount.file_system().device();
    text.print("{} {} {}:{} {} {} {}", record.id, record.parent_id, device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00),
               std::string_view(inside.empty() ? "/" : escape(inside)), std::string_view(escape(point)), std::string_view(mount_options(mount)));
    if (record.peer_group != 0) text.print(" shared:{}", record.peer_group);
    if (record.master_group != 0) text.print(" master:{}", record.master_group);
    if (record.unbindable) text.print(" unbindable");
    text.print(" - {} {} {}{}\n", std::string_view(mount.file_system().type_name()), std::string_view(escape(mount.source())),
               std::string_view(mount.file_system().read_only ? "ro" : "rw"), std::string_view(mount.file_system().options()));
  }
  return text.take();
}

}  // namespace hati::linux::proc
