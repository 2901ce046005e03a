// SPDX-License-Identifier: MIT
// From a Linux call number to its handler. One table; calls that have a fixed answer here say why.
#include <asm/unistd.h>

#include <atomic>

#include "abi/call.h"
#include "runtime/bridge/bridge.h"
#include "runtime/bridge/numbers.h"
#include "runtime/call.h"

namespace hati::bridge {

static_assert(HATI_CALL_SET_CALL_ENTRY == static_cast<u64>(Call::kThreadSetCallEntry));
static_assert(HATI_CALL_RING_ENTER == static_cast<u64>(Call::kRingEnter));
static_assert(HATI_CALL_THREAD_EXIT == static_cast<u64>(Call::kThreadExit));

namespace {

// Numbers that were complained about, so that each is named once.
std::atomic<u64> reported[8];

i64 unknown(u64 number) {
  if (number < 512) {
    const u64 bit = u64{1} << (number % 64);
    if ((reported[number / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0) complain("the C library made an unknown call", number);
  }
  return -ENOSYS;
}

}  // namespace

extern "C" [[gnu::visibility("hidden")]] i64 hati_bridge_dispatch(const Frame* frame) {
  const Frame& f = *frame;
  switch (f.rax) {
    case __NR_mmap: return sys_mmap(f);
    case __NR_munmap: return sys_munmap(f);
    case __NR_mprotect: return sys_mprotect(f);
    case __NR_mremap: return sys_mremap(f);
    case __NR_madvise: return sys_madvise(f);
    case __NR_brk: return sys_brk(f);
    case __NR_clone: return sys_clone(f);
    case __NR_clone3: return sys_clone3(f);
    case __NR_set_tid_address: return sys_set_tid_address(f);
    case __NR_arch_prctl: return sys_arch_prctl(f);
    case __NR_gettid: return sys_gettid(f);
    case __NR_getpid: return 1;  // a process does not know the others
    case __NR_exit: return sys_exit(f);
    case __NR_exit_group: return sys_exit_group(f);
    case __NR_tgkill:
    case __NR_kill: return sys_tgkill(f);
    case __NR_futex: return sys_futex(f);
    case __NR_sched_yield: return sys_sched_yield(f);
    case __NR_sched_getaffinity: return sys_sched_getaffinity(f);
    case __NR_clock_gettime: return sys_clock_gettime(f);
    case __NR_nanosleep: return sys_nanosleep(f);
    case __NR_clock_nanosleep: return sys_clock_nanosleep(f);
    case __NR_write: return sys_write(f);
    case __NR_writev: return sys_writev(f);
    case __NR_fstat:
    case __NR_newfstatat: return sys_fstat(f);
    case __NR_ioctl: return sys_ioctl(f);
    case __NR_close: return sys_close(f);
    case __NR_getrandom: return sys_getrandom(f);
    case __NR_prlimit64: return sys_prlimit64(f);
    case __NR_sysinfo: return sys_sysinfo(f);
    case __NR_uname: return sys_uname(f);
    case __NR_rt_sigaction:
    case __NR_rt_sigprocmask: return 0;   // no signal ever arrives, so any disposition and mask is kept
    case __NR_set_robust_list: return 0;  // robust mutexes of dead threads: threads of a server do not die alone
    case __NR_rseq: return -ENOSYS;       // the C library asks and does without
    case __NR_open:
    case __NR_openat:
    case __NR_readlink:
    case __NR_readlinkat:
    case __NR_access: return -ENOENT;  // there are no files
    case __NR_read: return -EBADF;
    default: return unknown(f.rax);
  }
}

}  // namespace hati::bridge
