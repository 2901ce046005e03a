// SPDX-License-Identifier: MIT
// A thread made with the raw clone call, without the C library: for tests of the call itself.
// Such a thread shares the creator's thread-local storage, so it must not use errno: only raw() calls.
#pragma once

#include <linux/futex.h>
#include <linux/sched.h>

#include "test.h"

// A system call that returns -errno.
inline long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result = number;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

inline long futex(int* word, int operation, int value, const timespec* timeout = nullptr, int* second = nullptr, int third = 0) {
  return raw(SYS_futex, reinterpret_cast<long>(word), operation, value, reinterpret_cast<long>(timeout), reinterpret_cast<long>(second),
             third);
}

class RawThread {
 public:
  static constexpr unsigned long kFlags =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;

    // Starts `function(argument)`; the thread ends when it returns.
  RawThread(int (*function)(void*), void* argument, unsigned long extra = 0) {
    stack_ = map_pages(kPages);
    alive_ = 1;
    result = clone(function, stack_ + kPages * kPage, static_cast<int>(kFlags | extra), argument, &tid_, nullptr, &alive_);
  }
    // Waits as pthread_join does: on the word that the kernel clears.
  void join() {
    for (;;) {
      const int now = __atomic_load_n(&alive_, __ATOMIC_ACQUIRE);
      if (now == 0) break;
      futex(&alive_, FUTEX_WAIT, now);
    }
    munmap(stack_, kPages * kPage);
  }
  int tid() const { return tid_; }
  int result = 0;

 private:
  static constexpr size_t kPages = 16;
  char* stack_;
  int alive_;
  int tid_ = 0;
};

// Waits until a word has this value; the other side stores it and needs not wake anybody.
inline bool wait_for_value(const int* word, int value) {
  return eventually([&] { return __atomic_load_n(word, __ATOMIC_ACQUIRE) == value; });
}
