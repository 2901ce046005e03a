// SPDX-License-Identifier: MIT
// Record locks of fcntl (owned by the process) and flock (owned by the open file description).
#include "test.h"

#include <sys/file.h>

#define FAMILY "file"

static struct flock region(short type, off_t start, off_t length) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

static int set_lock(int fd, short type, off_t start, off_t length) {
  struct flock lock = region(type, start, length);
  return fcntl(fd, F_SETLK, &lock);
}

TEST(posix_lock_conflicts_between_processes) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(set_lock(fd, F_WRLCK, 10, 10));
  CHECK_OK(set_lock(fd, F_WRLCK, 0, 100));  // own locks never conflict
  CHECK_OK(set_lock(fd, F_UNLCK, 0, 10));
  CHECK_OK(set_lock(fd, F_UNLCK, 20, 0));
  const pid_t owner = getpid();
  IN_CHILD([&] {
    const int mine = must(open("f", O_RDWR));
    CHECK_ERRNO(set_lock(mine, F_WRLCK, 15, 1), EAGAIN);
    CHECK_ERRNO(set_lock(mine, F_RDLCK, 19, 5), EAGAIN);
    CHECK_OK(set_lock(mine, F_WRLCK, 0, 10));
    CHECK_OK(set_lock(mine, F_WRLCK, 20, 0));
    struct flock probe = region(F_RDLCK, 0, 0);
    CHECK_OK(fcntl(mine, F_GETLK, &probe));
    CHECK_EQ(probe.l_type, F_WRLCK);
    CHECK_EQ(probe.l_start, 10);
    CHECK_EQ(probe.l_len, 10);
    CHECK_EQ(probe.l_pid, owner);
    probe = region(F_WRLCK, 0, 5);
    CHECK_OK(fcntl(mine, F_GETLK, &probe));
    CHECK_EQ(probe.l_type, F_UNLCK);
  });
  CHECK_OK(set_lock(fd, F_WRLCK, 0, 0));  // the child's ended with it
}

TEST(posix_read_locks_are_shared) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(set_lock(fd, F_RDLCK, 0, 10));
  IN_CHILD([&] {
    CHECK_OK(set_lock(fd, F_RDLCK, 0, 10));  // not inherited, but compatible
    CHECK_ERRNO(set_lock(fd, F_WRLCK, 0, 10), EAGAIN);
  });
  const int reader = must(open("f", O_RDONLY));
  CHECK_ERRNO(set_lock(reader, F_WRLCK, 0, 1), EBADF);
  const int writer = must(open("f", O_WRONLY));
  CHECK_ERRNO(set_lock(writer, F_RDLCK, 0, 1), EBADF);
}

TEST(posix_lock_is_lost_by_closing_any_descriptor) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(set_lock(fd, F_WRLCK, 0, 0));
  close(must(open("f", O_RDONLY)));
  IN_CHILD([&] { CHECK_OK(set_lock(fd, F_WRLCK, 0, 0)); });
}

TEST(posix_lock_wait) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(set_lock(fd, F_WRLCK, 0, 0));
  Gate ready;
  const pid_t pid = spawn([&] {
    struct flock lock = region(F_WRLCK, 0, 0);
    ready.open();
    CHECK_OK(fcntl(fd, F_SETLKW, &lock));
    char c = 0;
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    CHECK_EQ(c, 'x');
  });
  ready.wait();
  wait_asleep(pid);
  CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
  CHECK_OK(set_lock(fd, F_UNLCK, 0, 0));
  CHECK_CHILD_OK(pid);
}

TEST(posix_lock_wait_is_interrupted) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(set_lock(fd, F_WRLCK, 0, 0));
  IN_CHILD([&] {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    must(sigaction(SIGALRM, &action, nullptr));
    const itimerval soon{{0, 50000}, {0, 50000}};
    must(setitimer(ITIMER_REAL, &soon, nullptr));
    struct flock lock = region(F_WRLCK, 0, 0);
    CHECK_ERRNO(fcntl(fd, F_SETLKW, &lock), EINTR);
  });
}

TEST(posix_lock_deadlock_is_detected) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(set_lock(fd, F_WRLCK, 0, 1));
  Gate ready;
  const pid_t pid = spawn([&] {
    CHECK_OK(set_lock(fd, F_WRLCK, 1, 1));
    ready.open();
    struct flock lock = region(F_WRLCK, 0, 1);
    CHECK_OK(fcntl(fd, F_SETLKW, &lock));
  });
  ready.wait();
  wait_asleep(pid);
  struct flock lock = region(F_WRLCK, 1, 1);
  CHECK_ERRNO(fcntl(fd, F_SETLKW, &lock), EDEADLK);
  CHECK_OK(set_lock(fd, F_UNLCK, 0, 0));
  CHECK_CHILD_OK(pid);
}

TEST(posix_lock_errors) {
  const int fd = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_ERRNO(set_lock(fd, 99, 0, 0), EINVAL);
  CHECK_ERRNO(set_lock(fd, F_WRLCK, -1, 1), EINVAL);
  CHECK_ERRNO(set_lock(99, F_WRLCK, 0, 0), EBADF);
  CHECK_ERRNO(fcntl(fd, F_SETLK, 8), EFAULT);
  struct flock lock = region(F_WRLCK, 0, 0);
  lock.l_whence = 9;
  CHECK_ERRNO(fcntl(fd, F_SETLK, &lock), EINVAL);
}

TEST(flock_belongs_to_the_description) {
  const int a = must(open("f", O_CREAT | O_RDWR, 0600));
  const int b = must(open("f", O_RDONLY));
  CHECK_OK(flock(a, LOCK_EX));
  CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EAGAIN);
  CHECK_OK(flock(a, LOCK_SH));  // converts
  CHECK_OK(flock(b, LOCK_SH | LOCK_NB));
  CHECK_ERRNO(flock(a, LOCK_EX | LOCK_NB), EAGAIN);
  CHECK_OK(flock(b, LOCK_UN));
  const int copy = dup(a);
  CHECK_OK(flock(a, LOCK_EX | LOCK_NB));
  close(a);
  CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EAGAIN);  // the duplicate keeps it
  IN_CHILD([&] { CHECK_OK(flock(copy, LOCK_UN)); });   // and so does a forked one
  CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
  CHECK_ERRNO(flock(b, 0), EINVAL);
  CHECK_ERRNO(flock(99, LOCK_SH), EBADF);
}

TEST(flock_wait) {
  const int a = must(open("f", O_CREAT | O_RDWR, 0600));
  CHECK_OK(flock(a, LOCK_EX));
  const pid_t pid = spawn([] {
    const int b = must(open("f", O_RDWR));
    CHECK_OK(flock(b, LOCK_EX));
  });
  wait_asleep(pid);
  int status;
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  CHECK_OK(flock(a, LOCK_UN));
  CHECK_CHILD_OK(pid);
}
