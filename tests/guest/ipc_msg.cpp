// SPDX-License-Identifier: MIT
// System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
#define FAMILY "ipc"
#include "test.h"

#include <sys/ipc.h>
#include <sys/msg.h>

namespace {

struct Message {
  long type;
  char text[8192];
};

int make() { return static_cast<int>(must(msgget(IPC_PRIVATE, 0600))); }

int send(int id, long type, const char* text, int flags = 0) {
  Message message;
  message.type = type;
  strcpy(message.text, text);
  return msgsnd(id, &message, strlen(text) + 1, flags);
}

struct Received {
  ssize_t bytes;
  Message message;
};
Received receive(int id, long type, int flags = IPC_NOWAIT, size_t size = sizeof Message::text) {
  Received result;
  errno = 0;
  result.bytes = msgrcv(id, &result.message, size, type, flags);
  return result;
}

}  // namespace

TEST(msg_types) {
  const int id = make();
  CHECK_OK(send(id, 3, "three"));
  CHECK_OK(send(id, 1, "one"));
  CHECK_OK(send(id, 2, "two"));
  CHECK_OK(send(id, 1, "uno"));
  CHECK_STR(receive(id, 2).message.text, "two");
  CHECK_STR(receive(id, -2).message.text, "one");  // the lowest type
  CHECK_STR(receive(id, 3, IPC_NOWAIT | MSG_EXCEPT).message.text, "uno");
  const Received last = receive(id, 0);
  CHECK_STR(last.message.text, "three");
  CHECK_EQ(last.message.type, 3);
  CHECK_EQ(last.bytes, 6);
  CHECK_EQ(receive(id, 0).bytes, -1);
  CHECK_EQ(errno, ENOMSG);
  CHECK_OK(msgctl(id, IPC_RMID, nullptr));
}

TEST(msg_sizes) {
  const int id = make();
  CHECK_OK(send(id, 1, "0123456789"));
  CHECK_EQ(receive(id, 0, IPC_NOWAIT, 4).bytes, -1);
  CHECK_EQ(errno, E2BIG);
  CHECK_EQ(receive(id, 0, IPC_NOWAIT | MSG_NOERROR, 4).bytes, 4);
  Message big{};
  big.type = 1;
  CHECK_OK(msgsnd(id, &big, 8192, 0));
  CHECK_OK(msgsnd(id, &big, 8192, 0));
  CHECK_ERRNO(msgsnd(id, &big, 1, IPC_NOWAIT), EAGAIN);
  CHECK_ERRNO(msgsnd(id, &big, 8193, IPC_NOWAIT), EINVAL);
  CHECK_ERRNO(send(id, 0, "x"), EINVAL);
  msqid_ds status;
  CHECK_OK(msgctl(id, IPC_STAT, &status));
  CHECK_EQ(status.msg_qnum, 2u);
  CHECK_EQ(status.__msg_cbytes, 16384u);
  CHECK_EQ(status.msg_qbytes, 16384u);
  CHECK_EQ(status.msg_lspid, getpid());
  CHECK_OK(msgctl(id, IPC_RMID, nullptr));
  CHECK_ERRNO(msgsnd(id, &big, 1, 0), EINVAL);
}

TEST(msg_waits) {
  const int id = make();
  const pid_t receiver = spawn([&] { CHECK_STR(receive(id, 7, 0).message.text, "seven"); });
  wait_asleep(receiver);
  CHECK_OK(send(id, 6, "six"));
  CHECK_OK(send(id, 7, "seven"));
  CHECK_CHILD_OK(receiver);
  CHECK_STR(receive(id, 0).message.text, "six");

  Message big{};
  big.type = 1;
  must(msgsnd(id, &big, 8192, 0));
  must(msgsnd(id, &big, 8192, 0));
  const pid_t sender = spawn([&] { CHECK_OK(send(id, 9, "late")); });
  wait_asleep(sender);
  CHECK_EQ(receive(id, 1).bytes, 8192);
  CHECK_CHILD_OK(sender);
  CHECK_STR(receive(id, 9).message.text, "late");

  const pid_t removed = spawn([&] {
    CHECK_EQ(receive(id, 5, 0).bytes, -1);
    CHECK_EQ(errno, EIDRM);
  });
  wait_asleep(removed);
  CHECK_OK(msgctl(id, IPC_RMID, nullptr));
  CHECK_CHILD_OK(removed);
}

TEST(msg_keys_and_permissions) {
  const key_t key = 0x48617471;
  CHECK_ERRNO(msgget(key, 0), ENOENT);
  const int id = must(msgget(key, IPC_CREAT | 0600));
  CHECK_EQ(msgget(key, 0), id);
  CHECK_ERRNO(msgget(key, IPC_CREAT | IPC_EXCL), EEXIST);
  IN_CHILD([&] {
    drop_privileges();
    CHECK_ERRNO(msgget(key, 0600), EACCES);
    CHECK_ERRNO(send(id, 1, "x", IPC_NOWAIT), EACCES);
    CHECK_ERRNO(msgctl(id, IPC_RMID, nullptr), EPERM);
  });
  msginfo info{};
  CHECK(msgctl(0, IPC_INFO, reinterpret_cast<msqid_ds*>(&info)) >= 0);
  CHECK_EQ(info.msgmax, 8192);
  CHECK_EQ(info.msgmnb, 16384);
  CHECK_EQ(info.msgmni, 32000);
  CHECK_OK(msgctl(id, IPC_RMID, nullptr));
}

TEST(namespaces_of_ipc) {
  const key_t key = 0x48617472;
  const int id = must(msgget(key, IPC_CREAT | 0600));
  IN_CHILD([&] {
    must(unshare(CLONE_NEWIPC));
    CHECK_ERRNO(msgget(key, 0), ENOENT);
    CHECK_OK(msgget(key, IPC_CREAT | 0600));
  });
  CHECK_EQ(msgget(key, 0), id);
  CHECK_OK(msgctl(id, IPC_RMID, nullptr));
}
