// SPDX-License-Identifier: MIT
// The glibc bridge: carries out the Linux system calls that static glibc and libc++ make for themselves, on native ones.
// The kernel enters entry.S for every call number outside its range; that calls bridge_dispatch() with the saved registers.
// The code runs before relocation-dependent data and thread-local storage exist, and calls nothing in glibc.
// There are no signals, files or other processes here: what is not listed answers ENOSYS and is logged once.
#pragma once

#include <cerrno>

#include "abi/ring.h"
#include "base/result.h"
#include "base/types.h"

namespace hati::bridge {

// The registers at the system call, as entry.S lays them out. Result goes to rax, rcx and r11 are lost, as on Linux.
struct Frame {
  u64 r15, r14, r13, r12, rbx;
  u64 r9, r8, r10, rdx, rsi, rdi;
  u64 rax, rflags;
  u64 rbp, return_address;
  // The caller's stack pointer is above its red zone.
  u64 stack_pointer() const { return reinterpret_cast<u64>(this) + sizeof(Frame) + 128; }
};
static_assert(sizeof(Frame) == 15 * 8);

// A call's result as Linux gives it: a value or -errno.
constexpr i64 to_errno(Error error) {
  switch (error) {
    case Error::kNoMemory:
    case Error::kNoSpace: return -ENOMEM;
    case Error::kBadAddress:
    case Error::kAccess: return -EFAULT;
    case Error::kTimedOut: return -ETIMEDOUT;
    case Error::kMismatch:
    case Error::kWouldBlock: return -EAGAIN;
    case Error::kExists: return -EEXIST;
    case Error::kNotFound: return -ENOENT;
    case Error::kNoRight: return -EPERM;
    case Error::kNotSupported:
    case Error::kUnknownCall: return -ENOSYS;
    default: return -EINVAL;
  }
}
template <class T>
i64 to_linux(Result<T> result) {
  if (!result) return to_errno(result.error());
  if constexpr (std::is_void_v<T>) {
    return 0;
  } else {
    return static_cast<i64>(*result);
  }
}

// What the bridge knows of a thread. Slots are never freed; one is used again when the kernel says that its thread has ended.
struct ThreadRecord {
  Handle thread = kNoHandle;  // kNoHandle for the first thread
  Handle ring = kNoHandle;    // for futexes and sleeping, made at first use
  RingHeader* header = nullptr;
  u32* clear_tid = nullptr;   // zeroed and woken at exit
  i32 tid = 1;
  bool used = false;
};
ThreadRecord& current_thread();

// Submits one operation to the calling thread's ring and waits for its completion. `result` of a Completion or an error.
Result<Completion> run_operation(const Submission& submission);
// Sleeps until an absolute deadline.
Result<void> sleep_until_ns(u64 deadline_ns);

i64 sys_mmap(const Frame& f);
i64 sys_munmap(const Frame& f);
i64 sys_mprotect(const Frame& f);
i64 sys_mremap(const Frame& f);
i64 sys_madvise(const Frame& f);
i64 sys_brk(const Frame& f);

i64 sys_clone(const Frame& f);
i64 sys_clone3(const Frame& f);
i64 sys_set_tid_address(const Frame& f);
i64 sys_arch_prctl(const Frame& f);
i64 sys_gettid(const Frame& f);
i64 sys_exit(const Frame& f);
i64 sys_exit_group(const Frame& f);
i64 sys_tgkill(const Frame& f);
i64 sys_futex(const Frame& f);
i64 sys_sched_yield(const Frame& f);
i64 sys_sched_getaffinity(const Frame& f);

i64 sys_clock_gettime(const Frame& f);
i64 sys_nanosleep(const Frame& f);
i64 sys_clock_nanosleep(const Frame& f);

i64 sys_write(const Frame& f);
i64 sys_writev(const Frame& f);
i64 sys_fstat(const Frame& f);
i64 sys_ioctl(const Frame& f);
i64 sys_close(const Frame& f);
i64 sys_getrandom(const Frame& f);
i64 sys_prlimit64(const Frame& f);
i64 sys_sysinfo(const Frame& f);
i64 sys_uname(const Frame& f);

// Writes one line to the log, formatted without allocation.
void complain(const char* text, u64 number);

}  // namespace hati::bridge
