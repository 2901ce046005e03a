// SPDX-License-Identifier: MIT
// Small calls about the process and the machine: names, prctl, uname, sysinfo, umask, unknown calls.
#include "test.h"

#include <linux/random.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define FAMILY "process"

TEST(getpid_and_gettid_agree_in_the_first_thread) {
  CHECK_EQ(syscall(SYS_gettid), getpid());
  CHECK_EQ(syscall(SYS_getpid), getpid());
  CHECK_EQ(syscall(SYS_set_tid_address, nullptr), getpid());
}

TEST(prctl_name) {
  char name[16];
  CHECK_OK(prctl(PR_SET_NAME, "0123456789abcdefgh"));
  CHECK_OK(prctl(PR_GET_NAME, name));
  CHECK_STR(name, "0123456789abcde");  // 15 bytes and the terminator
  CHECK_ERRNO(prctl(PR_SET_NAME, 8), EFAULT);
  CHECK_ERRNO(prctl(PR_GET_NAME, 8), EFAULT);
  CHECK_OK(prctl(PR_SET_NAME, ""));
  CHECK_OK(prctl(PR_GET_NAME, name));
  CHECK_STR(name, "");
  IN_CHILD([] {
    char mine[16];
    CHECK_OK(prctl(PR_SET_NAME, "child"));
    CHECK_OK(prctl(PR_GET_NAME, mine));
    CHECK_STR(mine, "child");
  });
  CHECK_OK(prctl(PR_GET_NAME, name));
  CHECK_STR(name, "");
}

TEST(prctl_unknown_is_einval) { CHECK_ERRNO(prctl(0x7fff1234, 0, 0, 0, 0), EINVAL); }

TEST(prctl_dumpable_and_no_new_privs) {
  CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
  CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
  CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
  CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
  CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
  CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
  CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
  IN_CHILD([] { CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1); });
}

TEST(uname_fields) {
  utsname name{};
  CHECK_OK(uname(&name));
  CHECK_STR(name.sysname, "Linux");
  CHECK_STR(name.machine, "x86_64");
  CHECK(atoi(name.release) >= 3);  // programs and glibc ask for at least 3.2
  CHECK(strlen(name.version) > 0);
  CHECK_ERRNO(syscall(SYS_uname, 8), EFAULT);
}

TEST(sethostname_shows_in_uname) {
  utsname before{};
  must(uname(&before));
  CHECK_OK(sethostname("guest-test", 10));
  utsname name{};
  CHECK_OK(uname(&name));
  CHECK_STR(name.nodename, "guest-test");
  CHECK_ERRNO(sethostname("x", static_cast<size_t>(-1)), EINVAL);
  char large[66] = {};
  CHECK_ERRNO(sethostname(large, 65), EINVAL);
  CHECK_ERRNO(syscall(SYS_sethostname, 8, 5), EFAULT);
  CHECK_OK(setdomainname("domain", 6));
  CHECK_OK(uname(&name));
  CHECK_STR(name.domainname, "domain");
  CHECK_OK(setdomainname(before.domainname, strlen(before.domainname)));
  CHECK_OK(sethostname(before.nodename, strlen(before.nodename)));
}

TEST(sysinfo_fields) {
  struct sysinfo info{};
  CHECK_OK(sysinfo(&info));
  CHECK(info.uptime >= 0);
  CHECK(info.totalram > 0);
  CHECK(info.freeram > 0 && info.freeram < info.totalram);
  CHECK(info.mem_unit >= 1);
  CHECK(info.procs >= 2);
  const unsigned long long bytes = 1ULL * info.totalram * info.mem_unit;
  CHECK(bytes > (16ULL << 20));
  CHECK_ERRNO(syscall(SYS_sysinfo, 8), EFAULT);
}

TEST(umask_applies_to_new_files) {
  CHECK_EQ(umask(0), 022);
  CHECK_EQ(umask(07777), 0);
  CHECK_EQ(umask(027), 0777);  // only permission bits are kept
  close(must(open("f", O_CREAT | O_WRONLY, 0666)));
  struct stat st{};
  CHECK_OK(stat("f", &st));
  CHECK_EQ(st.st_mode, S_IFREG | 0640);
  CHECK_OK(mkdir("d", 0777));
  CHECK_OK(stat("d", &st));
  CHECK_EQ(st.st_mode, S_IFDIR | 0750);
}

TEST(getcpu_answers) {
  unsigned cpu = 9999;
  unsigned node = 9999;
  CHECK_OK(syscall(SYS_getcpu, &cpu, &node, nullptr));
  CHECK(cpu < 64);
  CHECK_EQ(node, 0);
  CHECK_OK(syscall(SYS_getcpu, nullptr, nullptr, nullptr));
  CHECK_ERRNO(syscall(SYS_getcpu, 8, nullptr, nullptr), EFAULT);
}

TEST(personality_query_and_set) {
  CHECK_EQ(personality(0xffffffff), 0);
  CHECK_EQ(personality(ADDR_NO_RANDOMIZE), 0);
  CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
  CHECK_EQ(personality(0), ADDR_NO_RANDOMIZE);
}

TEST(getrandom_fills) {
  unsigned char a[64] = {};
  unsigned char b[64] = {};
  CHECK_EQ(getrandom(a, sizeof a, 0), 64);
  CHECK_EQ(getrandom(b, sizeof b, GRND_NONBLOCK), 64);
  CHECK(memcmp(a, b, sizeof a) != 0);
  CHECK_EQ(getrandom(a, 16, GRND_RANDOM), 16);
  CHECK_EQ(getrandom(a, 0, 0), 0);
  CHECK_ERRNO(getrandom(a, 1, 0x100), EINVAL);
  CHECK_ERRNO(syscall(SYS_getrandom, 8, 16, 0), EFAULT);
}

TEST(unknown_system_calls_are_enosys) {
  for (const long number : (const long[]){600, 1000, 4096, 0x7fffffff, -1, -4096}) CHECK_ERRNO(syscall(number, 1, 2, 3, 4, 5, 6), ENOSYS);
  CHECK_ERRNO(syscall(0x80000000L), ENOSYS);
}

TEST(system_call_number_has_32_bits) {
  CHECK_EQ(syscall(SYS_getpid | 0x100000000), getpid());
  CHECK_EQ(syscall(static_cast<long>(0xdeadbeef00000000) | SYS_getppid), getppid());
}

TEST(system_call_preserves_registers) {
  register uint64_t r12 asm("r12") = 0x1212121212121212;
  register uint64_t r13 asm("r13") = 0x1313131313131313;
  register uint64_t r8 asm("r8") = 0x0808080808080808;
  register uint64_t r9 asm("r9") = 0x0909090909090909;
  register uint64_t r10 asm("r10") = 0x1010101010101010;
  uint64_t rdi = 1;
  uint64_t rsi = 2;
  uint64_t rdx = 3;
  uint64_t rax = SYS_getppid;
  uint64_t rcx;
  uint64_t r11;
  uint64_t rip;
  asm volatile("syscall; 1: lea 1b(%%rip), %6"
               : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "=c"(rcx), "+r"(r8), "=&r"(rip), "+r"(r9), "+r"(r10), "+r"(r12), "+r"(r13)
               :
               : "r11", "memory");
  asm volatile("mov %%r11, %0" : "=r"(r11));
  CHECK_EQ(rax, getppid());
  CHECK(rdi == 1 && rsi == 2 && rdx == 3);
  CHECK_EQ(r8, 0x0808080808080808);
  CHECK_EQ(r9, 0x0909090909090909);
  CHECK_EQ(r10, 0x1010101010101010);
  CHECK(r12 == 0x1212121212121212 && r13 == 0x1313131313131313);
  CHECK_EQ(rcx, rip);  // syscall leaves the return address in rcx
}

TEST(system_call_preserves_vector_registers) {
  alignas(16) uint64_t in[2] = {0x1111222233334444, 0x5555666677778888};
  alignas(16) uint64_t out[2] = {};
  long result;
  asm volatile("movdqa %2, %%xmm7; syscall; movdqa %%xmm7, %1"
               : "=a"(result), "=m"(out)
               : "m"(in), "a"(SYS_sched_yield)
               : "rcx", "r11", "xmm7", "memory");
  CHECK_EQ(result, 0);
  CHECK(in[0] == out[0] && in[1] == out[1]);
}
