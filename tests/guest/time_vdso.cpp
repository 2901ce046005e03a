// SPDX-License-Identifier: MIT
// The vDSO: found through the auxiliary vector, well formed, and of one mind with the system calls.
#include "test.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#define FAMILY "time"

// What a dynamic loader looks at, found by hand in the image.
struct Vdso {
  uintptr_t base = 0;
  const Elf64_Sym* symbols = nullptr;
  const char* strings = nullptr;
  const Elf64_Half* versions = nullptr;
  const Elf64_Verdef* definitions = nullptr;
  const Elf64_Word* hash = nullptr;

  Vdso() {
    const auto* header = reinterpret_cast<const Elf64_Ehdr*>(getauxval(AT_SYSINFO_EHDR));
    REQUIRE(header != nullptr);
    CHECK(memcmp(header->e_ident, ELFMAG, SELFMAG) == 0);
    CHECK_EQ(header->e_type, ET_DYN);
    const auto* segments = reinterpret_cast<const Elf64_Phdr*>(reinterpret_cast<uintptr_t>(header) + header->e_phoff);
    const Elf64_Dyn* dynamic = nullptr;
    for (int i = 0; i < header->e_phnum; ++i) {
      if (segments[i].p_type == PT_LOAD) base = reinterpret_cast<uintptr_t>(header) + segments[i].p_offset - segments[i].p_vaddr;
      if (segments[i].p_type == PT_DYNAMIC)
        dynamic = reinterpret_cast<const Elf64_Dyn*>(reinterpret_cast<uintptr_t>(header) + segments[i].p_offset);
    }
    REQUIRE(dynamic != nullptr);
    for (; dynamic->d_tag != DT_NULL; ++dynamic) read_entry(*dynamic);
    REQUIRE(symbols != nullptr && strings != nullptr && hash != nullptr);
  }

  void read_entry(const Elf64_Dyn& entry) {
    const uintptr_t address = base + entry.d_un.d_ptr;
    if (entry.d_tag == DT_SYMTAB) symbols = reinterpret_cast<const Elf64_Sym*>(address);
    if (entry.d_tag == DT_STRTAB) strings = reinterpret_cast<const char*>(address);
    if (entry.d_tag == DT_VERSYM) versions = reinterpret_cast<const Elf64_Half*>(address);
    if (entry.d_tag == DT_VERDEF) definitions = reinterpret_cast<const Elf64_Verdef*>(address);
    if (entry.d_tag == DT_HASH) hash = reinterpret_cast<const Elf64_Word*>(address);
  }

  bool version_is(Elf64_Half version, const char* name) const {
    const Elf64_Verdef* d = definitions;
    for (;;) {
      if ((d->vd_ndx & 0x7fff) == (version & 0x7fff)) {
        const auto* aux = reinterpret_cast<const Elf64_Verdaux*>(reinterpret_cast<uintptr_t>(d) + d->vd_aux);
        return strcmp(strings + aux->vda_name, name) == 0;
      }
      if (d->vd_next == 0) return false;
      d = reinterpret_cast<const Elf64_Verdef*>(reinterpret_cast<uintptr_t>(d) + d->vd_next);
    }
  }

    // Looks up through the hash table, as the C libraries do.
  void* find(const char* name) const {
    Elf64_Word h = 0;
    for (const char* c = name; *c != '\0'; ++c) {
      h = (h << 4) + static_cast<unsigned char>(*c);
      h = (h ^ ((h & 0xf0000000) >> 24)) & 0x0fffffff;
    }
    const Elf64_Word buckets = hash[0];
    for (Elf64_Word i = hash[2 + h % buckets]; i != 0; i = hash[2 + buckets + i]) {
      if (strcmp(strings + symbols[i].st_name, name) != 0 || symbols[i].st_shndx == SHN_UNDEF) continue;
      if (versions != nullptr && definitions != nullptr && !version_is(versions[i], "LINUX_2.6")) continue;
      return reinterpret_cast<void*>(base + symbols[i].st_value);
    }
    return nullptr;
  }
};

TEST(vdso_has_the_functions) {
  const Vdso vdso;
  for (const char* name :
       (const char*[]){"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time", "__vdso_getcpu", "__vdso_clock_getres"}) {
    if (vdso.find(name) == nullptr) fail(__FILE__, __LINE__, "%s is missing", name);
  }
  CHECK(vdso.versions != nullptr && vdso.definitions != nullptr);
  CHECK(vdso.find("no_such_function") == nullptr);
}

TEST(vdso_clock_gettime_agrees_with_the_system_call) {
  const Vdso vdso;
  const auto function = reinterpret_cast<int (*)(clockid_t, timespec*)>(vdso.find("__vdso_clock_gettime"));
  REQUIRE(function != nullptr);
  for (const clockid_t clock : (const clockid_t[]){CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME}) {
    for (int i = 0; i < 200; ++i) {
      timespec a{};
      timespec b{};
      timespec c{};
      must(syscall(SYS_clock_gettime, clock, &a));
      CHECK_EQ(function(clock, &b), 0);
      must(syscall(SYS_clock_gettime, clock, &c));
      const auto ns = [](const timespec& t) { return t.tv_sec * 1000000000LL + t.tv_nsec; };
      REQUIRE(ns(a) <= ns(b) && ns(b) <= ns(c));
    }
  }
  timespec t{};
  CHECK_EQ(function(99, &t), -EINVAL);
  CHECK_EQ(function(CLOCK_PROCESS_CPUTIME_ID, &t), 0);  // falls back to the system call
}

TEST(vdso_other_functions) {
  const Vdso vdso;
  const auto day = reinterpret_cast<int (*)(timeval*, void*)>(vdso.find("__vdso_gettimeofday"));
  const auto seconds = reinterpret_cast<time_t (*)(time_t*)>(vdso.find("__vdso_time"));
  const auto cpu = reinterpret_cast<int (*)(unsigned*, unsigned*, void*)>(vdso.find("__vdso_getcpu"));
  REQUIRE(day != nullptr && seconds != nullptr && cpu != nullptr);
  timeval tv{};
  const time_t before = syscall(SYS_time, nullptr);
  CHECK_EQ(day(&tv, nullptr), 0);
  CHECK(tv.tv_sec >= before && tv.tv_sec <= before + 5);
  time_t stored = 0;
  const time_t now = seconds(&stored);
  CHECK_EQ(now, stored);
  CHECK(now >= before && now <= before + 5);
  unsigned long mask[16] = {};
  must(syscall(SYS_sched_getaffinity, 0, sizeof mask, mask));
  for (unsigned i = 0; i < 64; ++i) {
    if ((mask[0] & (1UL << i)) == 0) continue;
    const unsigned long one = 1UL << i;
    must(syscall(SYS_sched_setaffinity, 0, sizeof one, &one));
    unsigned number = 99;
    CHECK_EQ(cpu(&number, nullptr, nullptr), 0);
    CHECK_EQ(number, i);
  }
}

TEST(vdso_is_read_only) {
  const auto base = getauxval(AT_SYSINFO_EHDR);
  const Fault fault = catch_fault([](void* p) { *static_cast<volatile char*>(p) = 0; }, reinterpret_cast<void*>(base));
  CHECK_EQ(fault.signal, SIGSEGV);
}

TEST(vdso_works_in_children_and_after_exec) {
  IN_CHILD([] {
    const Vdso vdso;
    const auto function = reinterpret_cast<int (*)(clockid_t, timespec*)>(vdso.find("__vdso_clock_gettime"));
    timespec t{};
    CHECK_EQ(function(CLOCK_MONOTONIC, &t), 0);
  });
  CHECK_EXITED(wait_status(spawn([] { exec_helper("sleep_then_exit", "1"); })), 4);
}
