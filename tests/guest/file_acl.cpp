// SPDX-License-Identifier: MIT
// POSIX access control lists (acl(5)) as extended attributes: checks, chmod, inheritance.
#include "test.h"

#include <sys/xattr.h>

#define FAMILY "file"

namespace {

struct Entry {
  uint16_t tag, permissions;
  uint32_t id;
};
enum : uint16_t { kUserObject = 1, kUser = 2, kGroupObject = 4, kGroup = 8, kMask = 16, kOther = 32 };
constexpr char kAccess[] = "system.posix_acl_access", kDefault[] = "system.posix_acl_default";

struct List {
  uint32_t version = 2;
  Entry entries[5];
};
constexpr List kList{2, {{kUserObject, 6, ~0u}, {kUser, 4, 1000}, {kGroupObject, 0, ~0u}, {kMask, 6, ~0u}, {kOther, 0, ~0u}}};

unsigned mode_of(const char* path) {
  struct stat status;
  must(stat(path, &status));
  return status.st_mode & 07777;
}

void skip_without_lists() {
  if (setxattr("f", kAccess, &kList, sizeof kList, 0) == -1 && errno == EOPNOTSUPP) test::skip("no access lists here");
}

}  // namespace

TEST(acl_grants_and_masks) {
  write_file("f", "x", 0600);
  must(chmod(".", 0755));
  skip_without_lists();
  CHECK_EQ(mode_of("f"), 0660u);  // the group's bits show the mask
  List got{};
  CHECK_EQ(getxattr("f", kAccess, &got, sizeof got), static_cast<long>(sizeof kList));
  CHECK(memcmp(&got, &kList, sizeof got) == 0);
  const int here = must(open(".", O_PATH | O_DIRECTORY));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(openat(here, "f", O_RDONLY));
    CHECK_ERRNO(openat(here, "f", O_WRONLY), EACCES);
  });
  must(chmod("f", 0620));  // changes the mask
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(openat(here, "f", O_RDONLY), EACCES);
  });
  must(removexattr("f", kAccess));
  CHECK_ERRNO(getxattr("f", kAccess, &got, sizeof got), ENODATA);
  CHECK_EQ(mode_of("f"), 0620u);
  CHECK_OK(removexattr("f", kAccess));  // what is not there may be removed
}

TEST(acl_survives_the_cache) {
  write_file("f", "x", 0600);
  must(chmod(".", 0755));
  skip_without_lists();
  must(mkdir("d", 0755));
  must(link("f", "d/f"));
  must(chmod("d/f", 0640));
  List got{};
  CHECK_EQ(getxattr("f", kAccess, &got, sizeof got), static_cast<long>(sizeof kList));
  CHECK_EQ(got.entries[3].permissions, 4);
  const int here = must(open(".", O_PATH | O_DIRECTORY));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(openat(here, "d/f", O_RDONLY));
    CHECK_OK(faccessat(here, "f", R_OK, 0));
    CHECK_ERRNO(faccessat(here, "f", W_OK, 0), EACCES);
  });
  must(unlink("d/f"));
  CHECK_EQ(mode_of("f"), 0640u);
}

TEST(acl_that_a_mode_can_say) {
  write_file("f", "x", 0600);
  skip_without_lists();
  List plain{2, {{kUserObject, 6, ~0u}, {kGroupObject, 4, ~0u}, {kOther, 1, ~0u}, {}, {}}};
  CHECK_OK(setxattr("f", kAccess, &plain, 28, XATTR_CREATE));  // flags do not matter
  CHECK_EQ(mode_of("f"), 0641u);
  CHECK_ERRNO(getxattr("f", kAccess, nullptr, 0), ENODATA);
  must(setxattr("f", kAccess, &kList, sizeof kList, 0));
  char names[300];
  const long bytes = listxattr("f", names, sizeof names);
  CHECK(bytes > 0 && memmem(names, static_cast<size_t>(bytes), kAccess, sizeof kAccess) != nullptr);
  CHECK_ERRNO(setxattr("f", kAccess, nullptr, 0, 0), EINVAL);
  CHECK_OK(setxattr("f", kAccess, &kList, 4, 0));  // a list without entries removes it
  CHECK_ERRNO(getxattr("f", kAccess, nullptr, 0), ENODATA);
  CHECK_EQ(mode_of("f"), 0660u);
  CHECK_OK(setxattr("f", kAccess, &kList, 4, 0));
}

TEST(acl_set_from_outside_the_group_takes_set_group_id) {
  write_file("f", "x", 0600);
  skip_without_lists();
  must(chown("f", 1000, 5));
  must(chmod("f", 02750));
  must(setxattr("f", kAccess, &kList, sizeof kList, 0));
  CHECK_EQ(mode_of("f"), 02660u);  // CAP_FSETID
  must(chmod(".", 0755));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(setxattr("f", kAccess, &kList, sizeof kList, 0));
  });
  CHECK_EQ(mode_of("f"), 0660u);
  must(mkdir("d", 0755));
  must(chown("d", 1000, 5));
  must(chmod("d", 02750));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(setxattr("d", kDefault, &kList, sizeof kList, 0));  // not the directory's own list
    CHECK_EQ(mode_of("d"), 02750u);
    CHECK_OK(setxattr("d", kAccess, &kList, sizeof kList, 0));
    CHECK_EQ(mode_of("d"), 0660u);
  });
}

TEST(acl_is_checked) {
  write_file("f", "x", 0600);
  skip_without_lists();
  List wrong = kList;
  wrong.entries[1].tag = 64;
  CHECK_ERRNO(setxattr("f", kAccess, &wrong, sizeof wrong, 0), EINVAL);
  wrong = kList;
  wrong.version = 3;
  CHECK_ERRNO(setxattr("f", kAccess, &wrong, sizeof wrong, 0), EOPNOTSUPP);
  CHECK_ERRNO(setxattr("f", kAccess, &kList, sizeof kList - 1, 0), EINVAL);
  CHECK_ERRNO(setxattr("f", kDefault, &kList, sizeof kList, 0), EACCES);
  CHECK_OK(removexattr("f", kDefault));
  must(symlink("f", "link"));
  CHECK_ERRNO(lsetxattr("link", kAccess, &kList, sizeof kList, 0), EOPNOTSUPP);
  CHECK_ERRNO(lgetxattr("link", kAccess, nullptr, 0), EOPNOTSUPP);
  CHECK_ERRNO(getxattr("/proc/self/status", kAccess, nullptr, 0), EOPNOTSUPP);
  must(chmod(".", 0755));
  const int fd = must(open("f", O_RDONLY));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(fsetxattr(fd, kAccess, &kList, sizeof kList, 0), EPERM);
    CHECK_ERRNO(fsetxattr(fd, kAccess, &wrong, sizeof wrong, 0), EOPNOTSUPP);
    CHECK_ERRNO(fsetxattr(fd, kAccess, &kList, sizeof kList - 8, 0), EPERM);
    CHECK_ERRNO(fremovexattr(fd, kAccess), EPERM);
  });
}

// For scripts: what user 1000 may do with a file.
HELPER(access) {
  drop_privileges();
  print("%s%s\n", access(argv[1], R_OK) == 0 ? "r" : "-", access(argv[1], W_OK) == 0 ? "w" : "-");
  return 0;
}

TEST(acl_is_inherited) {
  write_file("f", "x", 0600);
  skip_without_lists();
  must(mkdir("d", 0755));
  must(setxattr("d", kDefault, &kList, sizeof kList, 0));
  umask(077);
  const int fd = must(open("d/f", O_CREAT | O_RDWR, 0666));
  CHECK_EQ(mode_of("d/f"), 0660u);  // the list, not the umask
  List got{};
  CHECK_EQ(fgetxattr(fd, kAccess, &got, sizeof got), static_cast<long>(sizeof kList));
  must(mkdir("d/d", 0777));
  CHECK_EQ(getxattr("d/d", kDefault, &got, sizeof got), static_cast<long>(sizeof kList));
  CHECK_EQ(mode_of("d/d"), 0660u);
  must(symlink("f", "d/link"));
  CHECK_EQ(lgetxattr("d/link", "trusted.none", nullptr, 0), -1);
  must(mknod("d/fifo", S_IFIFO | 0644, 0));
  CHECK_EQ(mode_of("d/fifo"), 0640u);
  CHECK_EQ(getxattr("d/fifo", kAccess, &got, sizeof got), static_cast<long>(sizeof kList));
  CHECK_EQ(got.entries[3].permissions, 4);
  const int nameless = open("d", O_TMPFILE | O_RDWR, 0600);
  if (nameless >= 0) {
    struct stat status;
    must(fstat(nameless, &status));
    CHECK_EQ(status.st_mode & 07777, 0600u);
    CHECK_EQ(fgetxattr(nameless, kAccess, &got, sizeof got), static_cast<long>(sizeof kList));
  }
  must(removexattr("d", kDefault));
  must(mkdir("d/plain", 0777));
  CHECK_EQ(mode_of("d/plain"), 0700u);  // the umask again
}
