// SPDX-License-Identifier: MIT
// System V semaphores: semget(2), semop(2), semctl(2).
#define FAMILY "ipc"
#include "test.h"

#include <sys/ipc.h>
#include <sys/sem.h>

namespace {

int make(int count) { return static_cast<int>(must(semget(IPC_PRIVATE, count, 0600))); }
int value(int id, int number) { return semctl(id, number, GETVAL); }
int change(int id, unsigned short number, short by, short flags = 0) {
  sembuf one{number, by, flags};
  return semop(id, &one, 1);
}

}  // namespace

TEST(sem_values) {
  const int id = make(3);
  CHECK_EQ(value(id, 0), 0);
  CHECK_OK(semctl(id, 1, SETVAL, 5));
  CHECK_OK(change(id, 1, -2));
  CHECK_EQ(value(id, 1), 3);
  CHECK_EQ(semctl(id, 1, GETPID), getpid());
  unsigned short all[3] = {7, 8, 9};
  CHECK_OK(semctl(id, 0, SETALL, all));
  unsigned short got[3];
  CHECK_OK(semctl(id, 0, GETALL, got));
  CHECK_EQ(got[2], 9);
  CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);
  CHECK_ERRNO(semctl(id, 0, SETVAL, 32768), ERANGE);
  CHECK_ERRNO(change(id, 3, 1), EFBIG);
  CHECK_ERRNO(change(id, 0, 32767), ERANGE);
  semid_ds status;
  CHECK_OK(semctl(id, 0, IPC_STAT, &status));
  CHECK_EQ(status.sem_nsems, 3u);
  CHECK(status.sem_otime > 0);
  CHECK_OK(semctl(id, 0, IPC_RMID));
  CHECK_ERRNO(change(id, 0, 1), EINVAL);
}

TEST(sem_operations_are_one_step) {
  const int id = make(2);
  must(semctl(id, 0, SETVAL, 1));
  sembuf both[2] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
  CHECK_ERRNO(semop(id, both, 2), EAGAIN);
  CHECK_EQ(value(id, 0), 1);  // taken back
  CHECK_ERRNO(change(id, 0, 0, IPC_NOWAIT), EAGAIN);
  CHECK_OK(change(id, 1, 0, IPC_NOWAIT));
  CHECK_ERRNO(semop(id, both, 0), EINVAL);
  CHECK_ERRNO(semop(id, both, 501), E2BIG);
  CHECK_ERRNO(semop(-1, both, 1), EINVAL);
  CHECK_OK(semctl(id, 0, IPC_RMID));
}

TEST(sem_waits) {
  const int id = make(1);
  const pid_t child = spawn([&] { CHECK_OK(change(id, 0, -2)); });
  CHECK(eventually([&] { return semctl(id, 0, GETNCNT) == 1; }));
  CHECK_OK(change(id, 0, 1));
  CHECK_EQ(value(id, 0), 1);
  CHECK_OK(change(id, 0, 1));
  CHECK_CHILD_OK(child);
  CHECK_EQ(value(id, 0), 0);

  must(semctl(id, 0, SETVAL, 1));
  const pid_t zero = spawn([&] { CHECK_OK(change(id, 0, 0)); });
  CHECK(eventually([&] { return semctl(id, 0, GETZCNT) == 1; }));
  CHECK_OK(change(id, 0, -1));
  CHECK_CHILD_OK(zero);

  const pid_t removed = spawn([&] { CHECK_ERRNO(change(id, 0, -1), EIDRM); });
  CHECK(eventually([&] { return semctl(id, 0, GETNCNT) == 1; }));
  CHECK_OK(semctl(id, 0, IPC_RMID));
  CHECK_CHILD_OK(removed);
}

TEST(sem_timeout_and_signal) {
  const int id = make(1);
  sembuf take{0, -1, 0};
  const timespec soon{0, 30'000'000};
  const int64_t start = now_ms();
  CHECK_ERRNO(semtimedop(id, &take, 1, &soon), EAGAIN);
  CHECK(now_ms() - start >= 29);
  const timespec bad{0, 1'000'000'000};
  CHECK_ERRNO(semtimedop(id, &take, 1, &bad), EINVAL);
  struct sigaction action{};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESTART;
  must(sigaction(SIGALRM, &action, nullptr));
  const itimerval timer{{0, 0}, {0, 30000}};
  must(setitimer(ITIMER_REAL, &timer, nullptr));
  CHECK_ERRNO(semop(id, &take, 1), EINTR);  // never restarted
  CHECK_EQ(semctl(id, 0, GETNCNT), 0);
  CHECK_OK(semctl(id, 0, IPC_RMID));
}

TEST(sem_undo) {
  const int id = make(1);
  must(semctl(id, 0, SETVAL, 2));
  IN_CHILD([&] {
    CHECK_OK(change(id, 0, -1, SEM_UNDO));
    CHECK_EQ(value(id, 0), 1);
    IN_CHILD([&] { CHECK_EQ(value(id, 0), 1); });  // a child inherits nothing to undo
    CHECK_EQ(value(id, 0), 1);
  });
  CHECK_EQ(value(id, 0), 2);
  IN_CHILD([&] {
    CHECK_OK(change(id, 0, 3, SEM_UNDO));
    CHECK_OK(semctl(id, 0, SETVAL, 9));  // forgets it
  });
  CHECK_EQ(value(id, 0), 9);
  const pid_t killed = spawn([&] {
    CHECK_OK(change(id, 0, -9, SEM_UNDO));
    pause();
  });
  CHECK(eventually([&] { return value(id, 0) == 0; }));
  const pid_t waiter = spawn([&] { CHECK_OK(change(id, 0, -4)); });
  CHECK(eventually([&] { return semctl(id, 0, GETNCNT) == 1; }));
  must(kill(killed, SIGKILL));
  CHECK_SIGNALED(wait_status(killed), SIGKILL);
  CHECK_CHILD_OK(waiter);
  CHECK_EQ(value(id, 0), 5);
  CHECK_OK(semctl(id, 0, IPC_RMID));
}

TEST(sem_keys_and_limits) {
  const key_t key = 0x48617470;
  CHECK_ERRNO(semget(key, 1, 0), ENOENT);
  CHECK_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
  CHECK_ERRNO(semget(IPC_PRIVATE, -1, 0600), EINVAL);
  CHECK_ERRNO(semget(IPC_PRIVATE, 32001, 0600), EINVAL);
  const int id = must(semget(key, 2, IPC_CREAT | 0600));
  CHECK_EQ(semget(key, 0, 0), id);
  CHECK_ERRNO(semget(key, 3, 0), EINVAL);
  CHECK_ERRNO(semget(key, 2, IPC_CREAT | IPC_EXCL), EEXIST);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(semget(key, 1, 0600), EACCES);
    CHECK_ERRNO(change(id, 0, 1), EACCES);
    CHECK_ERRNO(semctl(id, 0, GETVAL), EACCES);
    CHECK_ERRNO(semctl(id, 0, IPC_RMID), EPERM);
  });
  seminfo info{};
  CHECK(semctl(0, 0, IPC_INFO, &info) >= 0);
  CHECK_EQ(info.semmsl, 32000);
  CHECK_EQ(info.semopm, 500);
  CHECK_EQ(info.semvmx, 32767);
  CHECK_OK(semctl(id, 0, IPC_RMID));
}
