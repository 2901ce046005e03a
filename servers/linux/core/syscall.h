// SPDX-License-Identifier: MIT
// The one table of Linux system calls. A handler is an ordinary function with typed arguments:
//
//     SysResult<i64> sys_dup(Thread& thread, Fd old);                       // never sleeps
//     Task<SysResult<i64>> sys_fsync(Thread& thread, Fd fd);                // may sleep
//
// and is entered in core/syscall_table.cpp by one line, `HATI_SYSCALL(32, dup, sys_dup)`. Arguments are decoded from rdi, rsi, rdx, r10, r8, r9 by type;
// integers are truncated to their width as the C ABI does. A call may have both forms (HATI_SYSCALL_FAST): the plain function is
// tried first and returns Errno::kNEEDASYNC to hand over to the coroutine.
#pragma once

#include <array>
#include <type_traits>
#include <utility>

#include "abi/thread.h"
#include "runtime/task.h"
#include "servers/linux/core/user.h"

namespace hati::linux {

class Thread;

struct Fd : Strong<Fd, i32> {
  using Strong::Strong;
};

// Raw argument registers in order.
struct CallArguments {
  u64 value[6];
};
inline CallArguments call_arguments(const ThreadPage& page) { return {{page.rdi, page.rsi, page.rdx, page.r10, page.r8, page.r9}}; }

template <class T>
constexpr T decode_argument(u64 raw) {
  if constexpr (requires { T{}.address; }) {
    return T{raw};
  } else if constexpr (requires { T{}.value; }) {
    return T{static_cast<decltype(T{}.value)>(raw)};
  } else {
    return static_cast<T>(raw);
  }
}

using FastHandler = SysResult<i64> (*)(Thread&, const CallArguments&);
using SlowHandler = Task<SysResult<i64>> (*)(Thread&, CallArguments);

struct SyscallEntry {
  const char* name = nullptr;
  FastHandler fast = nullptr;
  SlowHandler slow = nullptr;
};

inline constexpr u32 kSyscallLimit = 512;
extern const std::array<SyscallEntry, kSyscallLimit> kSyscalls;

namespace detail {
template <auto kFunction>
struct Thunk;

template <class... Args, SysResult<i64> (*kFunction)(Thread&, Args...)>
struct Thunk<kFunction> {
  static constexpr bool kIsFast = true;
  static SysResult<i64> call(Thread& thread, const CallArguments& raw) {
    return [&]<usize... I>(std::index_sequence<I...>) { return kFunction(thread, decode_argument<Args>(raw.value[I])...); }(std::index_sequence_for<Args...>{});
  }
};

template <class... Args, Task<SysResult<i64>> (*kFunction)(Thread&, Args...)>
struct Thunk<kFunction> {
  static constexpr bool kIsFast = false;
  static Task<SysResult<i64>> call(Thread& thread, CallArguments raw) {
    return [&]<usize... I>(std::index_sequence<I...>) { return kFunction(thread, decode_argument<Args>(raw.value[I])...); }(std::index_sequence_for<Args...>{});
  }
};
}  // namespace detail

template <auto kFunction>
constexpr SyscallEntry syscall_entry(const char* name) {
  using Thunk = detail::Thunk<kFunction>;
  if constexpr (Thunk::kIsFast) {
    return {name, &Thunk::call, nullptr};
  } else {
    return {name, nullptr, &Thunk::call};
  }
}

template <auto kFast, auto kSlow>
constexpr SyscallEntry syscall_entry_both(const char* name) {
  return {name, &detail::Thunk<kFast>::call, &detail::Thunk<kSlow>::call};
}

}  // namespace hati::linux
