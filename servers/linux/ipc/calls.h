// SPDX-License-Identifier: MIT
// System calls of IPC: handlers for core/calls_ipc.def. Each is described by its man page.
#pragma once

#include "abi/linux/ipc.h"
#include "abi/linux/time.h"
#include "servers/linux/core/syscall.h"

namespace hati::linux {

// shm.cpp
SysResult<i64> sys_shmget(Thread& thread, i32 key, u64 bytes, u32 flags);
SysResult<i64> sys_shmat(Thread& thread, i32 id, u64 address, u32 flags);
SysResult<i64> sys_shmdt(Thread& thread, u64 address);
SysResult<i64> sys_shmctl(Thread& thread, i32 id, i32 command, UserAddress buffer);

// sem.cpp, sem_control.cpp
SysResult<i64> sys_semget(Thread& thread, i32 key, i32 count, u32 flags);
Task<SysResult<i64>> sys_semop(Thread& thread, i32 id, UserAddress operations, u32 count);
Task<SysResult<i64>> sys_semtimedop(Thread& thread, i32 id, UserAddress operations, u32 count, UserPtr<const KernelTimespec> timeout);
SysResult<i64> sys_semctl(Thread& thread, i32 id, i32 number, i32 command, u64 argument);

// msg.cpp
SysResult<i64> sys_msgget(Thread& thread, i32 key, u32 flags);
Task<SysResult<i64>> sys_msgsnd(Thread& thread, i32 id, UserAddress from, u64 bytes, u32 flags);
Task<SysResult<i64>> sys_msgrcv(Thread& thread, i32 id, UserAddress to, u64 bytes, i64 type, u32 flags);
SysResult<i64> sys_msgctl(Thread& thread, i32 id, i32 command, UserAddress buffer);

}  // namespace hati::linux
