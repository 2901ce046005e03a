// SPDX-License-Identifier: MIT
// System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2).
#define FAMILY "ipc"
#include "test.h"

#include <sys/ipc.h>
#include <sys/shm.h>

namespace {

shmid_ds status(int id) {
  shmid_ds result{};
  must(shmctl(id, IPC_STAT, &result));
  return result;
}

}  // namespace

TEST(shm_is_shared_with_a_child) {
  const int id = must(shmget(IPC_PRIVATE, 10000, 0600));
  auto* words = static_cast<volatile int*>(shmat(id, nullptr, 0));
  REQUIRE(words != reinterpret_cast<volatile int*>(-1));
  IN_CHILD([&] {
    CHECK_EQ(status(id).shm_nattch, 2u);  // fork attaches
    words[5] = 77;
    auto* again = static_cast<volatile int*>(shmat(id, nullptr, SHM_RDONLY));
    CHECK_EQ(again[5], 77);
    CHECK_EQ(status(id).shm_nattch, 3u);
    CHECK_OK(shmdt(const_cast<int*>(again)));
    CHECK_EQ(status(id).shm_nattch, 2u);
  });
  CHECK_EQ(words[5], 77);
  const shmid_ds now = status(id);
  CHECK_EQ(now.shm_nattch, 1u);  // exit detaches
  CHECK_EQ(now.shm_segsz, 10000u);
  CHECK_EQ(now.shm_cpid, getpid());
  CHECK_EQ(now.shm_perm.mode & 0777, 0600);
  CHECK(now.shm_ctime > 0);
  CHECK_OK(shmdt(const_cast<int*>(words)));
  CHECK_EQ(status(id).shm_nattch, 0u);
  CHECK_OK(shmctl(id, IPC_RMID, nullptr));
  CHECK_ERRNO(shmat(id, nullptr, 0), EINVAL);
}

TEST(shm_keys) {
  const key_t key = 0x48617469;
  CHECK_ERRNO(shmget(key, 4096, 0), ENOENT);
  const int id = must(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0640));
  CHECK_EQ(shmget(key, 100, 0), id);
  CHECK_EQ(shmget(key, 4096, IPC_CREAT), id);
  CHECK_ERRNO(shmget(key, 4097, 0), EINVAL);
  CHECK_ERRNO(shmget(key, 4096, IPC_CREAT | IPC_EXCL), EEXIST);
  CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(shmget(key, 4097, 0600), EINVAL);  // the size comes first
    CHECK_ERRNO(shmget(key, 4096, 0600), EACCES);
  });
  CHECK_OK(shmctl(id, IPC_RMID, nullptr));
  CHECK_ERRNO(shmget(key, 4096, 0), ENOENT);
  CHECK_ERRNO(shmctl(id, IPC_RMID, nullptr), EINVAL);
}

TEST(shm_removed_while_attached) {
  const int id = must(shmget(IPC_PRIVATE, 4096, 0600));
  auto* text = static_cast<char*>(shmat(id, nullptr, 0));
  CHECK_OK(shmctl(id, IPC_RMID, nullptr));
  strcpy(text, "still here");
  const shmid_ds now = status(id);
  CHECK(now.shm_perm.mode & SHM_DEST);
  CHECK_EQ(now.shm_perm.__key, IPC_PRIVATE);
  CHECK_OK(shmdt(text));
  shmid_ds gone;
  CHECK_ERRNO(shmctl(id, IPC_STAT, &gone), EINVAL);
}

TEST(shm_addresses) {
  const int id = must(shmget(IPC_PRIVATE, 2 * kPage, 0600));
  void* place = mmap(nullptr, 4 * kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* base = static_cast<char*>(place);
  CHECK_ERRNO(shmat(id, base, 0), EINVAL);              // occupied
  CHECK_ERRNO(shmat(id, base + 8, SHM_REMAP), EINVAL);  // not aligned
  CHECK_ERRNO(shmat(id, nullptr, SHM_REMAP), EINVAL);
  CHECK(shmat(id, base + 8, SHM_REMAP | SHM_RND) == base);
  base[kPage] = 1;
  CHECK_ERRNO(shmdt(base + kPage), EINVAL);
  CHECK_OK(shmdt(base));
  CHECK_ERRNO(shmdt(base), EINVAL);
  munmap(place, 4 * kPage);
  CHECK(shmat(id, base, 0) == base);
  munmap(base, kPage);  // half of it: still one attachment's rest
  CHECK_EQ(status(id).shm_nattch, 1u);
  CHECK_OK(shmdt(base));
  CHECK_EQ(status(id).shm_nattch, 0u);
  CHECK_OK(shmctl(id, IPC_RMID, nullptr));
}

TEST(shm_permissions) {
  const int id = must(shmget(IPC_PRIVATE, 4096, 0604));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(shmat(id, nullptr, 0), EACCES);
    void* text = shmat(id, nullptr, SHM_RDONLY);
    CHECK(text != reinterpret_cast<void*>(-1));
    CHECK_EQ(catch_fault([](void* at) { *static_cast<volatile char*>(at) = 1; }, text).signal, SIGSEGV);
    CHECK_ERRNO(shmctl(id, IPC_RMID, nullptr), EPERM);
  });
  shmid_ds now = status(id);
  now.shm_perm.uid = 1000;
  now.shm_perm.mode = 0600;
  CHECK_OK(shmctl(id, IPC_SET, &now));
  IN_CHILD([&] {
    drop_privileges();
    CHECK_OK(shmctl(id, IPC_RMID, nullptr));
  });
}

TEST(shm_information) {
  const int id = must(shmget(IPC_PRIVATE, 4096, 0600));
  shminfo limits{};
  CHECK(shmctl(0, IPC_INFO, reinterpret_cast<shmid_ds*>(&limits)) >= 0);
  CHECK_EQ(limits.shmmni, 4096u);
  CHECK_EQ(limits.shmmin, 1u);
  shm_info usage{};
  const int highest = CHECK_OK(shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&usage)));
  CHECK(usage.used_ids >= 1);
  bool found = false;
  for (int i = 0; i <= highest; ++i) {
    shmid_ds entry;
    found |= shmctl(i, SHM_STAT, &entry) == id;
  }
  CHECK(found);
  char text[4096];
  CHECK(read_file("/proc/sysvipc/shm", text, sizeof text) > 0);
  CHECK(strstr(text, "       key      shmid perms") == text);
  CHECK_OK(shmctl(id, IPC_RMID, nullptr));
  CHECK_ERRNO(shmctl(0, 99, nullptr), EINVAL);
  CHECK_ERRNO(syscall(SYS_shmctl, id, IPC_STAT | 0x100, nullptr), EINVAL);  // IPC_64 is of other machines
}
