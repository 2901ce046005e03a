// SPDX-License-Identifier: MIT
// abi/linux/ipc.h against linux/ipc.h, linux/shm.h, linux/sem.h and linux/msg.h.
#include <linux/ipc.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>

#include "abi/linux/ipc.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kIpcPrivate, IPC_PRIVATE);
EQUAL(kIpcCreate, IPC_CREAT);
EQUAL(kIpcExclusive, IPC_EXCL);
EQUAL(kIpcNoWait, IPC_NOWAIT);
EQUAL(kIpcRemove, IPC_RMID);
EQUAL(kIpcSet, IPC_SET);
EQUAL(kIpcStat, IPC_STAT);
EQUAL(kIpcInfo, IPC_INFO);

EQUAL(kShmLock, SHM_LOCK);
EQUAL(kShmUnlock, SHM_UNLOCK);
EQUAL(kShmStat, SHM_STAT);
EQUAL(kShmInfo, SHM_INFO);
EQUAL(kShmStatAny, SHM_STAT_ANY);
EQUAL(kShmReadOnly, SHM_RDONLY);
EQUAL(kShmRound, SHM_RND);
EQUAL(kShmRemap, SHM_REMAP);
EQUAL(kShmExecute, SHM_EXEC);
EQUAL(kShmHugeTlb, SHM_HUGETLB);
EQUAL(kShmNoReserve, SHM_NORESERVE);

EQUAL(kSemGetPid, GETPID);
EQUAL(kSemGetValue, GETVAL);
EQUAL(kSemGetAll, GETALL);
EQUAL(kSemGetNotZero, GETNCNT);
EQUAL(kSemGetZero, GETZCNT);
EQUAL(kSemSetValue, SETVAL);
EQUAL(kSemSetAll, SETALL);
EQUAL(kSemStat, SEM_STAT);
EQUAL(kSemInfo, SEM_INFO);
EQUAL(kSemStatAny, SEM_STAT_ANY);
EQUAL(kSemUndo, SEM_UNDO);

EQUAL(kMsgStat, MSG_STAT);
EQUAL(kMsgInfo, MSG_INFO);
EQUAL(kMsgStatAny, MSG_STAT_ANY);
EQUAL(kMsgNoError, MSG_NOERROR);
EQUAL(kMsgExcept, MSG_EXCEPT);
EQUAL(kMsgCopy, MSG_COPY);

using TheirPermissions = struct ::ipc64_perm;
SAME_SIZE(UserIpcPermissions, TheirPermissions);
SAME(UserIpcPermissions, key, TheirPermissions, key);
SAME(UserIpcPermissions, uid, TheirPermissions, uid);
SAME(UserIpcPermissions, gid, TheirPermissions, gid);
SAME(UserIpcPermissions, creator_uid, TheirPermissions, cuid);
SAME(UserIpcPermissions, creator_gid, TheirPermissions, cgid);
SAME(UserIpcPermissions, mode, TheirPermissions, mode);
SAME(UserIpcPermissions, sequence, TheirPermissions, seq);

using TheirShmStatus = struct ::shmid64_ds;
SAME_SIZE(UserShmStatus, TheirShmStatus);
SAME(UserShmStatus, bytes, TheirShmStatus, shm_segsz);
SAME(UserShmStatus, attach_time, TheirShmStatus, shm_atime);
SAME(UserShmStatus, detach_time, TheirShmStatus, shm_dtime);
SAME(UserShmStatus, change_time, TheirShmStatus, shm_ctime);
SAME(UserShmStatus, creator, TheirShmStatus, shm_cpid);
SAME(UserShmStatus, last, TheirShmStatus, shm_lpid);
SAME(UserShmStatus, attached, TheirShmStatus, shm_nattch);
using TheirShmLimits = struct ::shminfo64;
SAME_SIZE(UserShmLimits, TheirShmLimits);
SAME(UserShmLimits, segment_max, TheirShmLimits, shmmax);
SAME(UserShmLimits, segment_min, TheirShmLimits, shmmin);
SAME(UserShmLimits, segments, TheirShmLimits, shmmni);
SAME(UserShmLimits, segments_per_process, TheirShmLimits, shmseg);
SAME(UserShmLimits, pages, TheirShmLimits, shmall);
using TheirShmUsage = struct ::shm_info;
SAME_SIZE(UserShmUsage, TheirShmUsage);
SAME(UserShmUsage, segments, TheirShmUsage, used_ids);
SAME(UserShmUsage, pages, TheirShmUsage, shm_tot);
SAME(UserShmUsage, resident, TheirShmUsage, shm_rss);
SAME(UserShmUsage, swapped, TheirShmUsage, shm_swp);
SAME(UserShmUsage, swap_attempts, TheirShmUsage, swap_attempts);
SAME(UserShmUsage, swap_successes, TheirShmUsage, swap_successes);

using TheirSemStatus = struct ::semid64_ds;
SAME_SIZE(UserSemStatus, TheirSemStatus);
SAME(UserSemStatus, operation_time, TheirSemStatus, sem_otime);
SAME(UserSemStatus, change_time, TheirSemStatus, sem_ctime);
SAME(UserSemStatus, count, TheirSemStatus, sem_nsems);
using TheirSemLimits = struct ::seminfo;
SAME_SIZE(UserSemLimits, TheirSemLimits);
SAME(UserSemLimits, map, TheirSemLimits, semmap);
SAME(UserSemLimits, sets, TheirSemLimits, semmni);
SAME(UserSemLimits, semaphores, TheirSemLimits, semmns);
SAME(UserSemLimits, undo_structures, TheirSemLimits, semmnu);
SAME(UserSemLimits, per_set, TheirSemLimits, semmsl);
SAME(UserSemLimits, operations, TheirSemLimits, semopm);
SAME(UserSemLimits, undo_entries, TheirSemLimits, semume);
SAME(UserSemLimits, usage, TheirSemLimits, semusz);
SAME(UserSemLimits, value_max, TheirSemLimits, semvmx);
SAME(UserSemLimits, adjust_max, TheirSemLimits, semaem);
using TheirSemOperation = struct ::sembuf;
SAME_SIZE(UserSemOperation, TheirSemOperation);
SAME(UserSemOperation, number, TheirSemOperation, sem_num);
SAME(UserSemOperation, change, TheirSemOperation, sem_op);
SAME(UserSemOperation, flags, TheirSemOperation, sem_flg);

using TheirMsgStatus = struct ::msqid64_ds;
SAME_SIZE(UserMsgStatus, TheirMsgStatus);
SAME(UserMsgStatus, send_time, TheirMsgStatus, msg_stime);
SAME(UserMsgStatus, receive_time, TheirMsgStatus, msg_rtime);
SAME(UserMsgStatus, change_time, TheirMsgStatus, msg_ctime);
SAME(UserMsgStatus, bytes, TheirMsgStatus, msg_cbytes);
SAME(UserMsgStatus, messages, TheirMsgStatus, msg_qnum);
SAME(UserMsgStatus, bytes_max, TheirMsgStatus, msg_qbytes);
SAME(UserMsgStatus, last_sender, TheirMsgStatus, msg_lspid);
SAME(UserMsgStatus, last_receiver, TheirMsgStatus, msg_lrpid);
using TheirMsgLimits = struct ::msginfo;
SAME_SIZE(UserMsgLimits, TheirMsgLimits);
SAME(UserMsgLimits, pool, TheirMsgLimits, msgpool);
SAME(UserMsgLimits, map, TheirMsgLimits, msgmap);
SAME(UserMsgLimits, message_max, TheirMsgLimits, msgmax);
SAME(UserMsgLimits, queue_max, TheirMsgLimits, msgmnb);
SAME(UserMsgLimits, queues, TheirMsgLimits, msgmni);
SAME(UserMsgLimits, segment_size, TheirMsgLimits, msgssz);
SAME(UserMsgLimits, total, TheirMsgLimits, msgtql);
SAME(UserMsgLimits, segments, TheirMsgLimits, msgseg);

}  // namespace hati::linux
