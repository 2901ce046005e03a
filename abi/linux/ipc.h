// SPDX-License-Identifier: MIT
// Linux's structures and constants of System V IPC (shmctl(2), semctl(2), msgctl(2)) on x86-64.
#pragma once

#include "base/types.h"

namespace hati::linux {

inline constexpr i32 kIpcPrivate = 0;
enum IpcFlags : u32 { kIpcCreate = 01000, kIpcExclusive = 02000, kIpcNoWait = 04000 };
enum IpcCommand : i32 {
  kIpcRemove = 0,
  kIpcSet = 1,
  kIpcStat = 2,
  kIpcInfo = 3,
  kShmLock = 11,
  kShmUnlock = 12,
  kShmStat = 13,
  kShmInfo = 14,
  kShmStatAny = 15,
  kSemGetPid = 11,
  kSemGetValue = 12,
  kSemGetAll = 13,
  kSemGetNotZero = 14,
  kSemGetZero = 15,
  kSemSetValue = 16,
  kSemSetAll = 17,
  kSemStat = 18,
  kSemInfo = 19,
  kSemStatAny = 20,
  kMsgStat = 11,
  kMsgInfo = 12,
  kMsgStatAny = 13,
};
enum ShmFlags : u32 {
  kShmReadOnly = 010000,
  kShmRound = 020000,
  kShmRemap = 040000,
  kShmExecute = 0100000,
  kShmHugeTlb = 04000,
  kShmNoReserve = 010000
};
inline constexpr u32 kShmDestroyed = 01000, kShmLocked = 02000;  // in the mode
enum MsgFlags : u32 { kMsgNoError = 010000, kMsgExcept = 020000, kMsgCopy = 040000 };
inline constexpr i16 kSemUndo = 0x1000;

// struct ipc64_perm.
struct UserIpcPermissions {
  i32 key;
  u32 uid, gid, creator_uid, creator_gid;
  u32 mode;
  u16 sequence, padding;
  u32 padding2;
  u64 unused[2];
};
static_assert(sizeof(UserIpcPermissions) == 48);

// struct shmid64_ds.
struct UserShmStatus {
  UserIpcPermissions permissions;
  u64 bytes;
  i64 attach_time, detach_time, change_time;
  i32 creator, last;
  u64 attached;
  u64 unused[2];
};
static_assert(sizeof(UserShmStatus) == 112);

// struct shminfo64, struct shm_info.
struct UserShmLimits {
  u64 segment_max, segment_min, segments, segments_per_process, pages;
  u64 unused[4];
};
struct UserShmUsage {
  i32 segments, padding;
  u64 pages, resident, swapped, swap_attempts, swap_successes;
};
static_assert(sizeof(UserShmLimits) == 72 && sizeof(UserShmUsage) == 48);

// struct semid64_ds.
struct UserSemStatus {
  UserIpcPermissions permissions;
  i64 operation_time;
  u64 unused1;
  i64 change_time;
  u64 unused2;
  u64 count;
  u64 unused[2];
};
static_assert(sizeof(UserSemStatus) == 104);

// struct seminfo.
struct UserSemLimits {
  i32 map, sets, semaphores, undo_structures, per_set, operations, undo_entries, usage, value_max, adjust_max;
};
static_assert(sizeof(UserSemLimits) == 40);

struct UserSemOperation {
  u16 number;
  i16 change;
  i16 flags;
};
static_assert(sizeof(UserSemOperation) == 6);

// struct msqid64_ds.
struct UserMsgStatus {
  UserIpcPermissions permissions;
  i64 send_time, receive_time, change_time;
  u64 bytes, messages, bytes_max;
  i32 last_sender, last_receiver;
  u64 unused[2];
};
static_assert(sizeof(UserMsgStatus) == 120);

// struct msginfo.
struct UserMsgLimits {
  i32 pool, map, message_max, queue_max, queues, segment_size, total;
  u16 segments, padding;
};
static_assert(sizeof(UserMsgLimits) == 32);

}  // namespace hati::linux
