// SPDX-License-Identifier: MIT
// Threads as pthread_create makes them, and the ends of threads and of the process.
#include "runtime/bridge/thread.h"

#include <asm/prctl.h>
#include <linux/sched.h>

#include "runtime/bridge/bridge.h"
#include "runtime/call.h"
#include "runtime/spinlock.h"
#include "runtime/startup.h"

extern "C" void hati_thread_entry();
extern "C" [[noreturn]] void hati_thread_exit(hati::u32* clear_tid, hati::u64 ring, hati::u32 submit, hati::u32 code);

namespace hati::bridge {

namespace {

constexpr usize kThreadsMax = 160;

// Created by constant initialisation: used before constructors have run.
constinit ThreadRecord first_thread{.used = true};
constinit SpinLock table_lock;
constinit ThreadRecord table[kThreadsMax];
constinit bool tls_ready = false;
constinit thread_local ThreadRecord* own_record = nullptr;  // null: the first thread

u64 thread_pointer() {
  u64 value;
  asm volatile("movq %%fs:0, %0" : "=r"(value));
  return value;
}

bool has_ended(const ThreadRecord& record) {
  ThreadInfo info{};
  const auto asked = call::thread_info(record.thread, info);
  return asked && static_cast<ThreadRunState>(info.state) == ThreadRunState::kEnded;
}

// A slot for a new thread; its ring, if the slot had an earlier owner, is used again.
ThreadRecord* claim_record() {
  SpinGuard guard(table_lock);
  for (usize i = 0; i < kThreadsMax; ++i) {
    ThreadRecord& record = table[i];
    if (record.used) {
      if (record.thread == kNoHandle || !has_ended(record)) continue;
      (void)call::handle_close(record.thread);
    }
    record.used = true;
    record.thread = kNoHandle;
    record.clear_tid = nullptr;
    record.tid = static_cast<i32>(i + 2);
    return &record;
  }
  return nullptr;
}

// A new thread runs at its creator's priority.
u32 own_priority() {
  Handle self = current_thread().thread;
  if (self == kNoHandle) self = startup_handle(kStartupThread);
  ThreadInfo info{};
  return call::thread_info(self, info) ? info.priority : u32{kPriorityFair};
}

constexpr u64 kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS |
                             CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

// `stack`: the new thread's stack pointer.
i64 create_thread(const Frame& f, u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls) {
  if ((flags & ~u64{CLONE_DETACHED}) != kThreadFlags) return -EINVAL;  // only what makes a thread: there is no fork here
  ThreadRecord* record = claim_record();
  if (record == nullptr) return -EAGAIN;
  record->clear_tid = reinterpret_cast<u32*>(child_tid);

  // The child returns from the same call with the same registers: they travel on its stack.
  auto* child = reinterpret_cast<Frame*>(stack - sizeof(Frame));
  *child = f;
  // The child's copy of a thread-local variable lies at the same distance from its thread pointer.
  *reinterpret_cast<ThreadRecord**>(tls + (reinterpret_cast<u64>(&own_record) - thread_pointer())) = record;

  ThreadRequest request{.entry = reinterpret_cast<u64>(&hati_thread_entry), .stack = stack - sizeof(Frame), .argument = reinterpret_cast<u64>(child),
                        .fs_base = tls, .priority = own_priority()};
  const auto made = call::thread_create(kOwnSpace, request);
  if (!made) {
    record->used = false;
    return -EAGAIN;
  }
  record->thread = *made;
  const i32 tid = record->tid;
  *reinterpret_cast<i32*>(parent_tid) = tid;
  if (auto started = call::thread_start(*made); !started) return to_errno(started.error());
  return tid;
}

}  // namespace

ThreadRecord& current_thread() { return tls_ready && own_record != nullptr ? *own_record : first_thread; }

Handle current_thread_handle() { return current_thread().thread; }

i64 sys_clone(const Frame& f) { return create_thread(f, f.rdi, f.rsi, f.rdx, f.r10, f.r8); }

i64 sys_clone3(const Frame& f) {
  const auto& arguments = *reinterpret_cast<const clone_args*>(f.rdi);
  if (f.rsi < CLONE_ARGS_SIZE_VER0 || arguments.exit_signal != 0 || arguments.stack == 0) return -EINVAL;
  return create_thread(f, arguments.flags, arguments.stack + arguments.stack_size, arguments.parent_tid, arguments.child_tid, arguments.tls);
}

i64 sys_set_tid_address(const Frame& f) {
  current_thread().clear_tid = reinterpret_cast<u32*>(f.rdi);
  return current_thread().tid;
}

i64 sys_gettid(const Frame&) { return current_thread().tid; }

// FSGSBASE is required of the processor (the kernel enables it).
i64 sys_arch_prctl(const Frame& f) {
  if (f.rdi != ARCH_SET_FS) return -EINVAL;
  asm volatile("wrfsbase %0" : : "r"(f.rsi) : "memory");
  tls_ready = true;
  return 0;
}

i64 sys_exit(const Frame& f) {
  ThreadRecord& self = current_thread();
  u32 submit = 0;
  if (self.clear_tid != nullptr) submit = prepare_exit_wake(self);
  hati_thread_exit(self.clear_tid, self.ring, submit, static_cast<u32>(f.rdi));
}

i64 sys_exit_group(const Frame& f) {
  (void)call::space_terminate(kOwnSpace, static_cast<i32>(f.rdi));
  __builtin_trap();
}

// abort() and the like: end as an unhandled exception does, so that init reports registers and a backtrace.
i64 sys_tgkill(const Frame&) { __builtin_trap(); }

i64 sys_sched_yield(const Frame&) {
  call::thread_yield();
  return 0;
}

}  // namespace hati::bridge
