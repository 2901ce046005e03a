// SPDX-License-Identifier: MIT
// User and group ids, capabilities, and what a process loses when it drops them.
#include "test.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#define FAMILY "process"

static void check_uids(uid_t real, uid_t effective, uid_t saved, int line) {
  uid_t r = 9999;
  uid_t e = 9999;
  uid_t s = 9999;
  must(getresuid(&r, &e, &s));
  if (r != real || e != effective || s != saved) {
    fail(__FILE__, line, "uids are %u %u %u, expected %u %u %u", r, e, s, real, effective, saved);
  }
}
#define CHECK_UIDS(r, e, s) check_uids(r, e, s, __LINE__)

TEST(tests_run_as_root) {
  CHECK_EQ(getuid(), 0);
  CHECK_EQ(geteuid(), 0);
  CHECK_EQ(getgid(), 0);
  CHECK_EQ(getegid(), 0);
}

TEST(setuid_by_root_sets_all_three) {
  IN_CHILD([] {
    CHECK_OK(setuid(1000));
    CHECK_UIDS(1000, 1000, 1000);
    CHECK_ERRNO(setuid(0), EPERM);
    CHECK_ERRNO(setuid(1001), EPERM);
    CHECK_OK(setuid(1000));
  });
}

TEST(seteuid_can_go_back_to_the_saved_id) {
  IN_CHILD([] {
    CHECK_OK(seteuid(1000));
    CHECK_UIDS(0, 1000, 0);
    CHECK_OK(setuid(0));  // unprivileged: sets the effective id, allowed by real or saved id
    CHECK_UIDS(0, 0, 0);
  });
}

TEST(setresuid_rules) {
  IN_CHILD([] {
    CHECK_OK(setresuid(1, 2, 3));
    CHECK_UIDS(1, 2, 3);
    CHECK_OK(setresuid(static_cast<uid_t>(-1), 3, static_cast<uid_t>(-1)));
    CHECK_UIDS(1, 3, 3);
    CHECK_OK(setresuid(3, 1, 1));
    CHECK_UIDS(3, 1, 1);
    CHECK_ERRNO(setresuid(2, static_cast<uid_t>(-1), static_cast<uid_t>(-1)), EPERM);
    CHECK_UIDS(3, 1, 1);
  });
}

TEST(setreuid_rules) {
  IN_CHILD([] {
    CHECK_OK(setreuid(5, 6));  // the real id changes: the saved one follows the effective
    CHECK_UIDS(5, 6, 6);
    CHECK_OK(setreuid(6, 5));
    CHECK_UIDS(6, 5, 5);
    CHECK_ERRNO(setreuid(7, static_cast<uid_t>(-1)), EPERM);
  });
}

TEST(group_ids) {
  IN_CHILD([] {
    CHECK_OK(setresgid(1, 2, 3));
    gid_t r;
    gid_t e;
    gid_t s;
    CHECK_OK(getresgid(&r, &e, &s));
    CHECK(r == 1 && e == 2 && s == 3);
    CHECK_OK(setuid(1000));
    CHECK_OK(setgid(3));
    CHECK_OK(getresgid(&r, &e, &s));
    CHECK(r == 1 && e == 3 && s == 3);
    CHECK_ERRNO(setgid(0), EPERM);
    CHECK_OK(setregid(3, 1));
    CHECK_ERRNO(setresgid(9, 9, 9), EPERM);
  });
}

TEST(supplementary_groups) {
  IN_CHILD([] {
    const gid_t groups[] = {30, 10, 20};
    CHECK_OK(setgroups(3, groups));
    gid_t got[8] = {};
    CHECK_EQ(getgroups(0, nullptr), 3);
    CHECK_EQ(getgroups(8, got), 3);
    unsigned sum = got[0] + got[1] + got[2];
    CHECK_EQ(sum, 60);
    CHECK_ERRNO(getgroups(2, got), EINVAL);
    CHECK_ERRNO(getgroups(-1, got), EINVAL);
    CHECK_ERRNO(setgroups(65537, groups), EINVAL);
    CHECK_ERRNO(syscall(SYS_getgroups, 3, 8), EFAULT);
    CHECK_OK(setuid(1000));
    CHECK_ERRNO(setgroups(0, nullptr), EPERM);
  });
}

TEST(credentials_are_inherited_by_fork_and_exec) {
  IN_CHILD([] {
    must(setresgid(1, 2, 3));
    must(setresuid(1, 2, 3));
    IN_CHILD([] { CHECK_UIDS(1, 2, 3); });
  });
}

HELPER(check_saved_ids) {
  uid_t r;
  uid_t e;
  uid_t s;
  CHECK_OK(getresuid(&r, &e, &s));
  CHECK(r == 0 && e == 1000 && s == 1000);  // exec copies the effective id to the saved one
  return failures();
}

TEST(exec_saves_the_effective_id) {
  IN_CHILD([] {
    must(setresuid(0, 1000, 0));
    exec_helper("check_saved_ids");
  });
}

HELPER(check_setuid) {
  CHECK_EQ(getuid(), 1000);
  CHECK_EQ(geteuid(), 42);
  CHECK_EQ(getegid(), 43);
  return failures();
}

TEST(setuid_program_changes_effective_ids) {
  char command[64] = "copy";
  char buffer[65536];
  const int in = must(open(self(), O_RDONLY));
  const int out = must(open(command, O_WRONLY | O_CREAT, 0755));
  ssize_t n;
  while ((n = read(in, buffer, sizeof buffer)) > 0) must(write(out, buffer, static_cast<size_t>(n)));
  must(fchown(out, 42, 43));
  must(fchmod(out, 06755));
  close(out);
  IN_CHILD([&] {
    drop_privileges();
    const char* argv[] = {"copy", "--helper", "check_setuid", nullptr};
    must(execv("./copy", const_cast<char**>(argv)));
  });
}

TEST(capabilities_of_root_and_after_dropping) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  CHECK_OK(syscall(SYS_capget, &header, data));
  CHECK((data[0].effective & (1u << CAP_SETUID)) != 0);
  CHECK((data[0].permitted & (1u << CAP_CHOWN)) != 0);
  IN_CHILD([&] {
    must(setuid(1000));
    CHECK_OK(syscall(SYS_capget, &header, data));
    CHECK_EQ(data[0].effective | data[0].permitted | data[1].effective | data[1].permitted, 0);
    data[0].permitted = 1u << CAP_CHOWN;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM);
  });
  IN_CHILD([&] {
    data[0].effective &= ~(1u << CAP_SETUID);
    CHECK_OK(syscall(SYS_capset, &header, data));
    CHECK_ERRNO(setuid(1000), EPERM);  // user id 0, but without the capability
  });
}

TEST(capget_versions_and_errors) {
  __user_cap_header_struct header{0x12345678, 0};
  CHECK_OK(syscall(SYS_capget, &header, nullptr));  // a question for the version
  CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
  __user_cap_data_struct data[2];
  header.version = 0;
  CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
  header = {_LINUX_CAPABILITY_VERSION_3, 0x3ffffff};
  CHECK_ERRNO(syscall(SYS_capget, &header, data), ESRCH);
  header.pid = -1;
  CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
  CHECK_ERRNO(syscall(SYS_capget, nullptr, data), EFAULT);
  header = {_LINUX_CAPABILITY_VERSION_3, getppid()};
  CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM);
}

TEST(capability_bounding_set) {
  CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
  CHECK_ERRNO(prctl(PR_CAPBSET_READ, 64), EINVAL);
  CHECK_ERRNO(prctl(PR_CAPBSET_READ, -1), EINVAL);
}

TEST(unprivileged_calls_are_refused) {
  IN_CHILD([] {
    drop_privileges();
    CHECK_ERRNO(chroot("/"), EPERM);
    CHECK_ERRNO(sethostname("x", 1), EPERM);
    CHECK_ERRNO(kill(1, SIGKILL), EPERM);
    CHECK_ERRNO(kill(1, 0), EPERM);
    const timespec time{1, 0};
    CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &time), EPERM);
    CHECK_ERRNO(mknod("n", S_IFCHR | 0600, 0x103), EPERM);
    CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, nullptr), EPERM);
    CHECK_ERRNO(syscall(SYS_mount, "tmpfs", "/", "tmpfs", 0, nullptr), EPERM);
    CHECK_ERRNO(syscall(SYS_umount2, "/proc", 0), EPERM);
  });
}
