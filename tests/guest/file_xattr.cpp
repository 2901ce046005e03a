// SPDX-License-Identifier: MIT
// Extended attributes (xattr(7)): the calls, what they answer, and who may do what.
#include "test.h"

#include <sys/statfs.h>
#include <sys/xattr.h>

#define FAMILY "file"

namespace {

char buffer[65536];

#define AS_USER(...)   \
  IN_CHILD([&] {       \
    drop_privileges(); \
    __VA_ARGS__        \
  })

long size_of(const char* path, const char* name) { return getxattr(path, name, nullptr, 0); }

void check_value(const char* path, const char* name, const char* expected) {
  const long bytes = lgetxattr(path, name, buffer, sizeof buffer);
  CHECK_EQ(bytes, static_cast<long>(strlen(expected)));
  CHECK(bytes < 0 || memcmp(buffer, expected, static_cast<size_t>(bytes)) == 0);
}

int set_text(const char* path, const char* name, const char* value, int flags = 0) {
  return lsetxattr(path, name, value, strlen(value), flags);
}

// Whether the names in the buffer have this one among them; security modules may add others.
bool listed(long bytes, const char* name) {
  for (const char* at = buffer; at < buffer + bytes; at += strlen(at) + 1)
    if (strcmp(at, name) == 0) return true;
  return false;
}

void file_with_attributes(const char* path, mode_t mode = 0644) {
  write_file(path, "x", mode);
  if (set_text(path, "user.probe", "") == -1 && errno == EOPNOTSUPP) test::skip("no extended attributes here");
  must(removexattr(path, "user.probe"));
}

}  // namespace

TEST(xattr_set_get_list_remove) {
  file_with_attributes("f");
  must(symlink("f", "link"));
  const int fd = must(open("f", O_RDONLY));  // permissions count, not how it was opened
  CHECK_OK(setxattr("link", "user.one", "first", 5, 0));
  CHECK_OK(fsetxattr(fd, "user.two", "second", 6, XATTR_CREATE));
  CHECK_OK(set_text("f", "trusted.three", "third"));
  CHECK_OK(set_text("f", "security.four", "fourth"));
  CHECK_OK(set_text("f", "user.empty", ""));
  check_value("f", "user.one", "first");
  check_value("f", "trusted.three", "third");
  check_value("f", "security.four", "fourth");
  check_value("f", "user.empty", "");
  CHECK_EQ(fgetxattr(fd, "user.two", buffer, 6), 6);
  CHECK_EQ(getxattr("link", "user.two", buffer, 0), 6);
  CHECK_ERRNO(getxattr("f", "user.two", buffer, 5), ERANGE);
  CHECK_ERRNO(getxattr("f", "user.none", buffer, 5), ENODATA);

  const long all = flistxattr(fd, buffer, sizeof buffer);
  CHECK(listed(all, "user.one") && listed(all, "user.two") && listed(all, "trusted.three") && listed(all, "security.four"));
  CHECK_EQ(listxattr("f", nullptr, 0), all);
  CHECK_EQ(listxattr("link", buffer, static_cast<size_t>(all)), all);
  CHECK_ERRNO(listxattr("f", buffer, static_cast<size_t>(all) - 1), ERANGE);
  CHECK_EQ(llistxattr("link", buffer, sizeof buffer), 0);

  CHECK_OK(set_text("f", "user.one", "1"));  // replaced
  check_value("f", "user.one", "1");
  CHECK_OK(removexattr("link", "user.one"));
  CHECK_OK(lremovexattr("f", "user.empty"));
  CHECK_OK(fremovexattr(fd, "user.two"));
  CHECK_ERRNO(size_of("f", "user.one"), ENODATA);
  CHECK_ERRNO(removexattr("f", "user.one"), ENODATA);
  CHECK(!listed(listxattr("f", buffer, sizeof buffer), "user.one"));
}

TEST(xattr_flags_and_names) {
  file_with_attributes("f");
  CHECK_ERRNO(set_text("f", "user.a", "1", XATTR_REPLACE), ENODATA);
  CHECK_OK(set_text("f", "user.a", "1", XATTR_CREATE));
  CHECK_ERRNO(set_text("f", "user.a", "2", XATTR_CREATE), EEXIST);
  CHECK_OK(set_text("f", "user.a", "3", XATTR_REPLACE));
  check_value("f", "user.a", "3");
  CHECK_ERRNO(set_text("f", "user.a", "4", 4), EINVAL);
  CHECK_ERRNO(set_text("f", "", "x"), ERANGE);
  CHECK_ERRNO(set_text("f", "user.", "x"), EINVAL);
  CHECK_ERRNO(size_of("f", "user."), EINVAL);
  CHECK_ERRNO(set_text("f", "other.x", "x"), EOPNOTSUPP);
  CHECK_ERRNO(size_of("f", "other.x"), EOPNOTSUPP);
  CHECK_ERRNO(removexattr("f", "other.x"), EOPNOTSUPP);
  CHECK_ERRNO(set_text("f", "system.x", "x"), EOPNOTSUPP);
  CHECK_ERRNO(size_of("f", "noprefix"), EOPNOTSUPP);
  char name[257];
  memset(name, 'n', sizeof name - 1);
  name[256] = '\0';
  memcpy(name, "user.", 5);
  CHECK_ERRNO(set_text("f", name, "x"), ERANGE);
  CHECK_ERRNO(size_of("f", name), ERANGE);
  name[255] = '\0';
  CHECK_OK(set_text("f", name, "long"));
  check_value("f", name, "long");
  CHECK_ERRNO(setxattr("missing", "user.a", "x", 1, 0), ENOENT);
  CHECK_ERRNO(fgetxattr(99, "user.a", buffer, 1), EBADF);
  CHECK_ERRNO(setxattr("f", "user.a", nullptr, 1, 0), EFAULT);
  CHECK_ERRNO(fgetxattr(must(open("f", O_PATH)), "user.a", buffer, 1), EBADF);
}

TEST(xattr_sizes) {
  file_with_attributes("f");
  memset(buffer, 'v', sizeof buffer);
  CHECK_ERRNO(setxattr("f", "user.a", buffer, sizeof buffer + 1, 0), E2BIG);
  CHECK_OK(setxattr("f", "user.a", buffer, 2000, 0));
  CHECK_EQ(size_of("f", "user.a"), 2000);
  struct statfs where;
  must(statfs(".", &where));
  if (where.f_type != 0xef53) return;
  // All have to fit into one block and what the inode has left.
  CHECK_ERRNO(setxattr("f", "user.b", buffer, 60000, 0), ENOSPC);
  CHECK_ERRNO(setxattr("f", "user.a", buffer, 60000, XATTR_CREATE), EEXIST);
  CHECK_ERRNO(setxattr("f", "user.b", buffer, 60000, XATTR_REPLACE), ENODATA);
  CHECK_ERRNO(setxattr("f", "user.b", buffer, 3000, 0), ENOSPC);
  CHECK_EQ(size_of("f", "user.a"), 2000);
  CHECK_OK(removexattr("f", "user.a"));
  CHECK_OK(setxattr("f", "user.b", buffer, 3000, 0));
  CHECK_EQ(size_of("f", "user.b"), 3000);
}

TEST(xattr_of_other_kinds) {
  file_with_attributes("f");
  must(symlink("f", "link"));
  must(mkfifo("fifo", 0666));
  must(mkdir("d", 0755));
  static const char* const kOthers[] = {"link", "fifo"};
  CHECK_OK(set_text("d", "user.a", "of a directory"));
  check_value("d", "user.a", "of a directory");
  for (const char* path : kOthers) {
    CHECK_ERRNO(set_text(path, "user.a", "x"), EPERM);
    CHECK_ERRNO(lgetxattr(path, "user.a", buffer, 1), ENODATA);
    CHECK_ERRNO(lremovexattr(path, "user.a"), EPERM);
    CHECK_OK(set_text(path, "trusted.a", path));
    check_value(path, "trusted.a", path);
  }
  CHECK_ERRNO(size_of("f", "trusted.a"), ENODATA);
  CHECK_ERRNO(setxattr("/proc/self/status", "user.a", "x", 1, 0), EOPNOTSUPP);
}

TEST(xattr_needs_permissions) {
  must(chmod(".", 0755));
  file_with_attributes("f", 0644);
  file_with_attributes("secret", 0600);
  must(set_text("f", "user.a", "1"));
  must(set_text("f", "trusted.a", "1"));
  must(set_text("f", "security.a", "1"));
  must(set_text("secret", "user.a", "1"));
  must(set_text("secret", "security.a", "1"));
  AS_USER({
    check_value("f", "user.a", "1");
    CHECK_ERRNO(set_text("f", "user.a", "2"), EACCES);
    CHECK_ERRNO(removexattr("f", "user.a"), EACCES);
    CHECK_ERRNO(size_of("secret", "user.a"), EACCES);
    CHECK_ERRNO(size_of("secret", "other.a"), EACCES);
    CHECK_ERRNO(size_of("secret", "system.a"), EOPNOTSUPP);
    check_value("secret", "security.a", "1");
    CHECK_ERRNO(size_of("f", "trusted.a"), ENODATA);
    CHECK_ERRNO(set_text("f", "trusted.a", "2"), EPERM);
    CHECK_ERRNO(removexattr("f", "trusted.a"), EPERM);
    const long bytes = listxattr("f", buffer, sizeof buffer);
    CHECK(listed(bytes, "user.a") && !listed(bytes, "trusted.a"));
  });
  must(mkdir("shared", 0755));
  must(chmod("shared", 01777));
  AS_USER({ CHECK_ERRNO(set_text("shared", "user.a", "x"), EPERM); });
  must(chmod("shared", 0777));
  AS_USER({ CHECK_OK(set_text("shared", "user.a", "x")); });
}

TEST(xattr_of_file_capabilities) {
  file_with_attributes("f");
  uint32_t sets[5] = {0x02000000, 1, 0, 0, 0};
  CHECK_ERRNO(setxattr("f", "security.capability", sets, 19, 0), EINVAL);
  CHECK_OK(setxattr("f", "security.capability", sets, sizeof sets, 0));
  CHECK_EQ(size_of("f", "security.capability"), 20);
  sets[0] = 0x05000000;
  CHECK_ERRNO(setxattr("f", "security.capability", sets, sizeof sets, 0), EINVAL);
}

TEST(xattr_changes_the_time_of_change) {
  file_with_attributes("f");
  struct stat before, after;
  must(stat("f", &before));
  sleep_ms(before.st_ctim.tv_nsec == 0 ? 1100 : 20);  // small inodes have whole seconds only
  must(set_text("f", "user.a", "x"));
  must(stat("f", &after));
  CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  CHECK(after.st_ctim.tv_sec > before.st_ctim.tv_sec || after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
}

// For scripts: set PATH NAME VALUE, or get PATH NAME.
HELPER(xattr) {
  if (argc == 5) return set_text(argv[2], argv[3], argv[4]) == 0 ? 0 : 1;
  const long bytes = argc == 4 ? lgetxattr(argv[2], argv[3], buffer, sizeof buffer) : -1;
  if (bytes >= 0) print("%.*s\n", static_cast<int>(bytes), buffer);
  return bytes >= 0 ? 0 : 1;
}
