// SPDX-License-Identifier: MIT
// Core dumps: core(5), RLIMIT_CORE, core_pattern, coredump_filter, madvise(MADV_DONTDUMP).
#include <elf.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>

#include "test.h"

#define FAMILY "core"

static void set_limit(rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  must(setrlimit(RLIMIT_CORE, &limit));
}

// To a file of /proc, whose mode stays what it is.
static void put(const char* path, const char* text) {
  const int fd = static_cast<int>(must(open(path, O_WRONLY)));
  CHECK_EQ(write(fd, text, strlen(text)), (long)strlen(text));
  close(fd);
}

// Settings of the whole system, put back by the destructor.
class Pattern {
 public:
  explicit Pattern(const char* pattern) {
    read_file("/proc/sys/kernel/core_pattern", old_, sizeof old_);
    put("/proc/sys/kernel/core_pattern", pattern);
    put("/proc/sys/kernel/core_uses_pid", "0");
  }
  ~Pattern() {
    put("/proc/sys/kernel/core_pattern", old_);
    put("/proc/sys/kernel/core_uses_pid", "0");
  }

 private:
  char old_[256];
};

// A core file in memory.
class Core {
 public:
  explicit Core(const char* path) {
    const int fd = open(path, O_RDONLY);
    if (!CHECK(fd >= 0)) return;
    struct stat status;
    must(fstat(fd, &status));
    size = static_cast<size_t>(status.st_size);
    mode = status.st_mode;
    bytes = static_cast<const char*>(mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0));
    close(fd);
  }
  bool valid() const {
    return bytes != nullptr && size > sizeof(Elf64_Ehdr) && memcmp(bytes, ELFMAG, SELFMAG) == 0 && header().e_type == ET_CORE;
  }
  const Elf64_Ehdr& header() const { return *reinterpret_cast<const Elf64_Ehdr*>(bytes); }
  const Elf64_Phdr* segments() const { return reinterpret_cast<const Elf64_Phdr*>(bytes + header().e_phoff); }
  const Elf64_Phdr* segment_of(const void* address) const {
    for (int i = 0; i < header().e_phnum; ++i) {
      const Elf64_Phdr& segment = segments()[i];
      if (segment.p_type == PT_LOAD && (uintptr_t)address - segment.p_vaddr < segment.p_memsz) return &segment;
    }
    return nullptr;
  }
  // What the memory held there, null if it is not in the file.
  const char* at(const void* address) const {
    const Elf64_Phdr* segment = segment_of(address);
    if (segment == nullptr || (uintptr_t)address - segment->p_vaddr >= segment->p_filesz) return nullptr;
    return bytes + segment->p_offset + ((uintptr_t)address - segment->p_vaddr);
  }
  // The n-th note of a type.
  const char* note(unsigned type, int n = 0, size_t* length = nullptr) const {
    const Elf64_Phdr& notes = segments()[0];
    if (notes.p_type != PT_NOTE) return nullptr;
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.p_filesz;) {
      const auto* note = reinterpret_cast<const Elf64_Nhdr*>(bytes + notes.p_offset + at);
      const size_t name = (note->n_namesz + 3) & ~3u, data = (note->n_descsz + 3) & ~3u;
      if (note->n_type == type && n-- == 0) {
        if (length != nullptr) *length = note->n_descsz;
        return reinterpret_cast<const char*>(note + 1) + name;
      }
      at += sizeof *note + name + data;
    }
    return nullptr;
  }
  const char* bytes = nullptr;
  size_t size = 0;
  mode_t mode = 0;
};

static long marker = 0;

static void crash() {
  set_limit(RLIM_INFINITY);
  marker = 0x5151;
  abort();
}

TEST(core_file) {
  const Pattern pattern("core");
  const pid_t pid = spawn(crash);
  const int status = wait_status(pid);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(WTERMSIG(status), SIGABRT);
  CHECK(WCOREDUMP(status));
  const Core core("core");
  REQUIRE(core.valid());
  CHECK_EQ(core.mode & 0777, 0600);
  CHECK_EQ(core.header().e_machine, EM_X86_64);
  CHECK(core.at(&marker) != nullptr && *(const long*)core.at(&marker) == 0x5151);

  size_t length = 0;
  const auto* state = reinterpret_cast<const elf_prstatus*>(core.note(NT_PRSTATUS, 0, &length));
  REQUIRE(state != nullptr);
  CHECK_EQ(length, sizeof *state);
  CHECK_EQ(state->pr_pid, pid);
  CHECK_EQ(state->pr_ppid, getpid());
  CHECK_EQ(state->pr_cursig, SIGABRT);
  CHECK_EQ(state->pr_info.si_signo, SIGABRT);
  const auto* registers = reinterpret_cast<const unsigned long*>(&state->pr_reg);
  CHECK(core.at((void*)registers[19]) != nullptr);  // the stack is there
  const auto* info = reinterpret_cast<const elf_prpsinfo*>(core.note(NT_PRPSINFO, 0, &length));
  REQUIRE(info != nullptr);
  CHECK_EQ(length, sizeof *info);
  CHECK_EQ(info->pr_pid, pid);
  CHECK_STR(info->pr_fname, "run-all");
  const auto* siginfo = reinterpret_cast<const siginfo_t*>(core.note(NT_SIGINFO, 0, &length));
  REQUIRE(siginfo != nullptr);
  CHECK_EQ(siginfo->si_code, SI_TKILL);
  CHECK_EQ(siginfo->si_pid, pid);
  CHECK(core.note(NT_AUXV) != nullptr);
  CHECK(core.note(NT_FPREGSET, 0, &length) != nullptr);
  CHECK_EQ(length, 512);
  CHECK(core.note(NT_X86_XSTATE, 0, &length) != nullptr);
  CHECK(length >= 576);
  const char* files = core.note(NT_FILE, 0, &length);
  REQUIRE(files != nullptr);
  CHECK(memmem(files, length, "/run-all", 9) != nullptr);
}

TEST(core_fault_details) {
  const Pattern pattern("core");
  const pid_t pid = spawn([] {
    set_limit(RLIM_INFINITY);
    *(volatile int*)0x123 = 1;
  });
  CHECK(WCOREDUMP(wait_status(pid)));
  const Core core("core");
  REQUIRE(core.valid());
  const auto* siginfo = reinterpret_cast<const siginfo_t*>(core.note(NT_SIGINFO));
  REQUIRE(siginfo != nullptr);
  CHECK_EQ(siginfo->si_signo, SIGSEGV);
  CHECK_EQ(siginfo->si_code, SEGV_MAPERR);
  CHECK_EQ(siginfo->si_addr, 0x123);
}

TEST(core_limit_zero) {
  const Pattern pattern("core");
  const pid_t pid = spawn([] {
    set_limit(0);
    abort();
  });
  const int status = wait_status(pid);
  CHECK(WIFSIGNALED(status));
  CHECK(!WCOREDUMP(status));
  CHECK(!exists("core"));
}

TEST(core_limit_cuts) {
  const Pattern pattern("core");
  const pid_t pid = spawn([] {
    set_limit(8192);
    abort();
  });
  wait_status(pid);
  const Core core("core");
  REQUIRE(core.valid());
  CHECK(core.size <= 8192);
}

TEST(core_not_of_other_signals) {
  const Pattern pattern("core");
  const pid_t pid = spawn([] {
    set_limit(RLIM_INFINITY);
    raise(SIGTERM);
  });
  CHECK(!WCOREDUMP(wait_status(pid)));
  CHECK(!exists("core"));
}

TEST(core_not_if_undumpable) {
  const Pattern pattern("core");
  const pid_t pid = spawn([] {
    set_limit(RLIM_INFINITY);
    prctl(PR_SET_DUMPABLE, 0);
    abort();
  });
  CHECK(!WCOREDUMP(wait_status(pid)));
  CHECK(!exists("core"));
}

TEST(core_waitid_says_dumped) {
  const Pattern pattern("core");
  const pid_t pid = spawn(crash);
  siginfo_t info{};
  CHECK_OK(waitid(P_PID, pid, &info, WEXITED));
  CHECK_EQ(info.si_code, CLD_DUMPED);
  CHECK_EQ(info.si_status, SIGABRT);
}

TEST(core_pattern_words) {
  const Pattern pattern("c.%e.%p.%i.%s.%u.%g.%%.%q.x");
  const pid_t pid = spawn(crash);
  CHECK(WCOREDUMP(wait_status(pid)));
  char name[128];
  snprintf(name, sizeof name, "c.run-all.%d.%d.6.0.0.%%..x", pid, pid);
  CHECK(exists(name));
}

TEST(core_pattern_path) {
  must(mkdir("cores", 0755));
  char directory[256], text[300];
  must(getcwd(directory, sizeof directory) != nullptr ? 0 : -1);
  snprintf(text, sizeof text, "%s/cores/%%E", directory);
  const Pattern pattern(text);
  CHECK(WCOREDUMP(wait_status(spawn(crash))));
  char path[512], program[256];
  snprintf(program, sizeof program, "%s", self());
  for (char* c = program; *c != 0; ++c)
    if (*c == '/') *c = '!';
  snprintf(path, sizeof path, "cores/%s", program);
  CHECK(exists(path));
}

TEST(core_uses_pid) {
  const Pattern pattern("core");
  put("/proc/sys/kernel/core_uses_pid", "1");
  const pid_t pid = spawn(crash);
  CHECK(WCOREDUMP(wait_status(pid)));
  char name[64];
  snprintf(name, sizeof name, "core.%d", pid);
  CHECK(exists(name));
}

TEST(core_replaces_an_old_one) {
  const Pattern pattern("core");
  write_file("core", "something old");
  chmod("core", 0600);
  CHECK(WCOREDUMP(wait_status(spawn(crash))));
  CHECK(Core("core").valid());
}

TEST(core_not_through_links) {
  const Pattern pattern("core");
  write_file("victim", "text");
  must(symlink("victim", "core"));
  CHECK(WCOREDUMP(wait_status(spawn(crash))));
  CHECK(Core("core").valid());
  unlink("core");
  must(link("victim", "core"));
  CHECK(WCOREDUMP(wait_status(spawn(crash))));
  CHECK(Core("core").valid());
  char text[16];
  read_file("victim", text, sizeof text);
  CHECK_STR(text, "text");
}

static void* sleep_in_thread(void*) {
  pause();
  return nullptr;
}

TEST(core_of_threads) {
  const Pattern pattern("core");
  const pid_t pid = spawn([] {
    set_limit(RLIM_INFINITY);
    pthread_t thread[3];
    for (pthread_t& one : thread) CHECK_EQ(pthread_create(&one, nullptr, sleep_in_thread, nullptr), 0);
    sleep_ms(50);
    abort();
  });
  CHECK(WCOREDUMP(wait_status(pid)));
  const Core core("core");
  REQUIRE(core.valid());
  for (int i = 0; i < 4; ++i) {
    const auto* state = reinterpret_cast<const elf_prstatus*>(core.note(NT_PRSTATUS, i));
    REQUIRE(state != nullptr);
    CHECK_EQ(i == 0, state->pr_pid == pid);
    const auto* registers = reinterpret_cast<const unsigned long*>(&state->pr_reg);
    CHECK(core.at((void*)registers[19]) != nullptr);  // each one's stack
    if (i > 0) CHECK_EQ(registers[15], SYS_pause);    // orig_rax
    CHECK(core.note(NT_FPREGSET, i) != nullptr);
  }
  CHECK(core.note(NT_PRSTATUS, 4) == nullptr);
}

TEST(core_dontdump) {
  const Pattern pattern("core");
  char* page = map_pages(2);
  const pid_t pid = spawn([page] {
    page[0] = page[kPage] = 1;
    must(madvise(page, kPage, MADV_DONTDUMP));
    crash();
  });
  CHECK(WCOREDUMP(wait_status(pid)));
  const Core core("core");
  REQUIRE(core.valid());
  CHECK(core.segment_of(page) != nullptr);
  CHECK(core.at(page) == nullptr);
  CHECK(core.at(page + kPage) != nullptr);
}

TEST(core_filter) {
  const Pattern pattern("core");
  char text[64];
  read_file("/proc/self/coredump_filter", text, sizeof text);
  CHECK_STR(text, "00000033\n");
  char* shared = static_cast<char*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  char* own = map_pages(1);
  shared[0] = own[0] = 7;
  const pid_t pid = spawn([] {
    put("/proc/self/coredump_filter", "0x2");
    crash();
  });
  CHECK(WCOREDUMP(wait_status(pid)));
  const Core core("core");
  REQUIRE(core.valid());
  CHECK(core.at(shared) != nullptr);
  CHECK(core.at(own) == nullptr);
  unlink("core");
  CHECK(WCOREDUMP(wait_status(spawn([own] {
    own[0] = 8;
    crash();
  }))));
  const Core usual("core");
  REQUIRE(usual.valid());
  CHECK(usual.at(own) != nullptr && *usual.at(own) == 8);
  const auto* text_page = (const char*)((uintptr_t)crash & ~0xffful);
  CHECK(usual.segment_of(text_page) != nullptr);
}
