// SPDX-License-Identifier: MIT
// Namespaces: unshare(2), setns(2), clone(2), and /proc/PID/ns.
#include "test.h"

#include <sys/utsname.h>

#define FAMILY "process"

namespace {

void read_link(const char* path, char (&text)[64]) {
  const ssize_t length = must(readlink(path, text, sizeof text - 1));
  text[length] = 0;
}

struct Name {
  char text[65];
};
Name node() {
  utsname names;
  must(uname(&names));
  Name result;
  strcpy(result.text, names.nodename);
  return result;
}

}  // namespace

TEST(namespace_of_host_name) {
  must(sethostname("outer", 5));
  char before[64], after[64];
  read_link("/proc/self/ns/uts", before);
  CHECK(strncmp(before, "uts:[", 5) == 0);
  const int outer = must(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC));
  IN_CHILD([&] {
    must(unshare(CLONE_NEWUTS));
    CHECK_STR(node().text, "outer");  // begins as a copy
    must(sethostname("inner", 5));
    CHECK_STR(node().text, "inner");
    read_link("/proc/self/ns/uts", after);
    CHECK(strcmp(before, after) != 0);
    char text[80];
    CHECK(read_file("/proc/sys/kernel/hostname", text, sizeof text) > 0);
    CHECK_STR(text, "inner\n");
    IN_CHILD([&] { CHECK_STR(node().text, "inner"); });  // inherited
    CHECK_OK(setns(outer, CLONE_NEWUTS));
    CHECK_STR(node().text, "outer");
  });
  CHECK_STR(node().text, "outer");
}

TEST(namespace_files) {
  char link[64];
  read_link("/proc/self/ns/ipc", link);
  const int fd = must(open("/proc/self/ns/ipc", O_RDONLY));
  struct stat status;
  must(fstat(fd, &status));
  char expected[64];
  snprintf(expected, sizeof expected, "ipc:[%lu]", static_cast<unsigned long>(status.st_ino));
  CHECK_STR(link, expected);
  CHECK_OK(setns(fd, 0));
  CHECK_ERRNO(setns(fd, CLONE_NEWUTS), EINVAL);
  CHECK_ERRNO(setns(0, 0), EINVAL);
  CHECK_ERRNO(setns(99, 0), EBADF);
  read_link("/proc/1/ns/mnt", link);
  CHECK(strncmp(link, "mnt:[", 5) == 0);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(setns(fd, 0), EPERM);
    CHECK_ERRNO(unshare(CLONE_NEWUTS), EPERM);
    CHECK_ERRNO(unshare(CLONE_NEWIPC), EPERM);
    const int user = must(open("/proc/self/ns/user", O_RDONLY));
    CHECK_ERRNO(setns(user, CLONE_NEWUSER), EINVAL);  // that of the caller
  });
  // What semaphore operations would undo is of the namespace left behind.
  CHECK_ERRNO(syscall(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, nullptr), EINVAL);
}
