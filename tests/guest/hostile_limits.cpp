// SPDX-License-Identifier: MIT
// Programs that take all they can get: processes, memory, descriptors, files. The rest must live on.
#include "test.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#define FAMILY "hostile"

TEST_SLOW(fork_bomb_under_rlimit_nproc, 60) {
  const pid_t pid = spawn([] {
    must(setgid(2222));
    const rlimit limit{30, 30};
    must(setrlimit(RLIMIT_NPROC, &limit));
    must(setuid(2222));
    int refused = 0;
        // Every process forks as often as it can; all of them together stay below the limit.
    for (int i = 0; i < 60; ++i) {
      const pid_t child = fork();
      if (child == -1) {
        if (errno != EAGAIN) _exit(2);
        ++refused;
      } else if (child == 0) {
        i = 40;
      }
    }
    if (refused == 0) _exit(3);
    sleep_ms(500);
  });
  CHECK_CHILD_OK(pid);
  sleep_ms(600);
  IN_CHILD([] {});
}

TEST(rlimit_nproc_is_per_user_and_spares_root) {
  IN_CHILD([] {
    const rlimit limit{1, 1};
    must(setrlimit(RLIMIT_NPROC, &limit));
    IN_CHILD([] {});  // root may
    must(setgid(3333));
    must(setuid(3333));
    CHECK_ERRNO(fork(), EAGAIN);
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, nullptr, [](void* p) { return p; }, nullptr), EAGAIN);
  });
}

TEST(many_processes_at_once) {
  constexpr int kCount = 150;
  static pid_t pids[kCount];
  Gate gate;
  for (int i = 0; i < kCount; ++i) {
    pids[i] = fork();
    if (pids[i] == 0) {
      gate.wait();
      _exit(i);
    }
    REQUIRE(pids[i] > 0);
  }
  for (int i = 0; i < kCount; ++i) gate.open();
  for (int i = 0; i < kCount; ++i) CHECK_EXITED(wait_status(pids[i]), i);
}

TEST_SLOW(memory_exhaustion_kills_the_offender_only, 120) {
  struct sysinfo info{};
  must(sysinfo(&info));
  const size_t total = info.totalram * info.mem_unit;
  const pid_t pid = spawn([total] {
        // Twice the machine's memory, touched page by page: the process must be ended or refused.
    for (size_t done = 0; done < 2 * total; done += 1 << 20) {
      void* chunk = mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (chunk == MAP_FAILED) _exit(42);
      for (size_t i = 0; i < 1 << 20; i += kPage) static_cast<volatile char*>(chunk)[i] = 1;
    }
  });
  const int status = wait_status(pid);
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) || (WIFEXITED(status) && WEXITSTATUS(status) == 42));
    // And all its memory is back.
  IN_CHILD([] {
    char* memory = map_pages(2048);
    for (int i = 0; i < 2048; ++i) memory[i * kPage] = 1;
  });
}

TEST(rlimit_as_ends_an_allocation_loop) {
  const pid_t pid = spawn([] {
    const rlimit limit{32 << 20, 32 << 20};
    must(setrlimit(RLIMIT_AS, &limit));
    int blocks = 0;
    while (auto* p = static_cast<volatile char*>(malloc(1 << 20))) {
      for (int i = 0; i < 1 << 20; i += kPage) p[i] = 1;
      if (++blocks > 100) _exit(1);
    }
    _exit(errno == ENOMEM ? 0 : 2);
  });
  CHECK_CHILD_OK(pid);
}

TEST(descriptor_exhaustion) {
  IN_CHILD([] {
    int count = 0;
    while (open("/dev/null", O_RDONLY) != -1) ++count;
    CHECK_EQ(errno, EMFILE);
    CHECK(count >= 200);
    int fds[2];
    CHECK_ERRNO(pipe(fds), EMFILE);
    CHECK_ERRNO(open("/dev/ptmx", O_RDWR), EMFILE);
    IN_CHILD([] {});
  });
  CHECK_OK(open("/dev/null", O_RDONLY));
}

TEST(file_system_full) {
  must(mkdir("m", 0755));
  must(mount("tmpfs", "m", "tmpfs", 0, "size=1m"));
  const int fd = must(open("m/big", O_CREAT | O_RDWR, 0600));
  static char data[65536];
  size_t total = 0;
  ssize_t n;
  while ((n = write(fd, data, sizeof data)) > 0) total += static_cast<size_t>(n);
  CHECK_EQ(errno, ENOSPC);
  CHECK_EQ(total, 1 << 20);
    // A page of a mapped hole that finds no room is SIGBUS.
  must(ftruncate(fd, 2 << 20));
  auto* memory = static_cast<char*>(mmap(nullptr, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  const Fault fault = catch_fault([](void* p) { static_cast<volatile char*>(p)[(1 << 20) + 5 * kPage] = 1; }, memory);
  CHECK_EQ(fault.signal, SIGBUS);
  munmap(memory, 2 << 20);
  must(unlink("m/big"));
  close(fd);
  const int second = CHECK_OK(open("m/next", O_CREAT | O_RDWR, 0600));
  CHECK_EQ(write(second, data, 1000), 1000);
  close(second);
  CHECK_OK(umount2("m", MNT_DETACH));
}

TEST(many_mappings) {
  IN_CHILD([] {
        // Alternating protections cannot be merged; at some number (65530 on Linux) mmap refuses or goes on, both are fine.
    for (int i = 0; i < 5000; ++i) {
      void* p = mmap(nullptr, kPage, i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      REQUIRE(p != MAP_FAILED);
    }
  });
}

TEST(deep_directories_are_removed_and_resolved_without_recursion) {
  IN_CHILD([] {
    for (int i = 0; i < 1500; ++i) {
      must(mkdir("d", 0755));
      must(chdir("d"));
    }
    char path[64];
    errno = 0;
    CHECK(syscall(SYS_getcwd, path, sizeof path) == -1 && errno == ERANGE);
    for (int i = 0; i < 1500; ++i) {
      must(chdir(".."));
      must(rmdir("d"));
    }
  });
}

TEST(signal_storm) {
  const pid_t pid = spawn([] {
    static volatile long count;
    struct sigaction action{};
    action.sa_handler = [](int) { count = count + 1; };
    action.sa_flags = SA_NODEFER;
    must(sigaction(SIGUSR1, &action, nullptr));
    must(sigaction(SIGUSR2, &action, nullptr));
    const int64_t end = now_ms() + 700;
    while (now_ms() < end) getppid();
    _exit(0);
  });
  int status;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    kill(pid, SIGUSR1);
    kill(pid, SIGUSR2);
  }
    // Signals that came before the handlers were installed may have killed it.
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (WIFSIGNALED(status) && WTERMSIG(status) >= SIGUSR1));
}

TEST(kill_while_doing_everything) {
    // Processes killed at arbitrary moments of system calls, faults, forks and thread creation.
  for (int round = 0; round < 40; ++round) {
    const pid_t pid = spawn([round] {
      for (unsigned i = 0;; ++i) {
        switch ((i + static_cast<unsigned>(round)) % 6) {
          case 0: {
            const pid_t inner = fork();
            if (inner == 0) _exit(0);
            if (inner > 0) waitpid(inner, nullptr, 0);
            break;
          }
          case 1: {
            char* p = map_pages(8);
            for (int k = 0; k < 8; ++k) p[k * kPage] = 1;
            munmap(p, 8 * kPage);
            break;
          }
          case 2: {
            int fds[2];
            if (pipe(fds) == 0) {
              write(fds[1], "x", 1);
              close(fds[0]);
              close(fds[1]);
            }
            break;
          }
          case 3: {
            pthread_t thread;
            if (pthread_create(&thread, nullptr, [](void* p) { return p; }, nullptr) == 0) {
              pthread_join(thread, nullptr);
            }
            break;
          }
          case 4: {
            const int fd = open("churn", O_CREAT | O_RDWR | O_TRUNC, 0600);
            write(fd, "churn", 5);
            close(fd);
            break;
          }
          default: {
            int word = 0;
            const timespec brief{0, 100000};
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &brief, nullptr, 0);
          }
        }
      }
    });
    sleep_ms(1 + round % 17);
    must(kill(pid, SIGKILL));
    CHECK_SIGNALED(wait_status(pid), SIGKILL);
  }
}
