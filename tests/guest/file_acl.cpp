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
  must(chmod(".", 0755));
  const int fd = must(open("f", O_RDONLY));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(fsetxattr(fd, kAccess, &kList, sizeof kList, 0), EPERM);
  });
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
}
