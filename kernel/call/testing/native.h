// SPDX-License-Identifier: MIT
// A first process without runtime or C library, for tests of the kernel alone: raw calls, a log, checks.
#pragma once

#include "abi/call.h"
#include "abi/ring.h"
#include "abi/startup.h"
#include "abi/thread.h"
#include "base/error.h"

namespace hati::test {

inline i64 raw_call(u64 number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
  register u64 r10 asm("r10") = d;
  register u64 r8 asm("r8") = e;
  register u64 r9 asm("r9") = f;
  i64 result;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
template <class T>
u64 word(T value) {
  if constexpr (__is_pointer(T)) {
    return reinterpret_cast<u64>(value);
  } else {
    return static_cast<u64>(value);
  }
}
template <class... Args>
i64 call(Call number, Args... args) {
  return raw_call(static_cast<u64>(number), word(args)...);
}

inline u64 time_stamp() {
  u32 low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
  return u64{high} << 32 | low;
}

// One line; {} stands for a number.
class Line {
 public:
  Line& operator<<(const char* text) {
    while (*text != 0 && used_ < sizeof text_) text_[used_++] = *text++;
    return *this;
  }
  Line& operator<<(i64 value) {
    char digits[24];
    usize count = 0;
    u64 rest = value < 0 ? u64{0} - static_cast<u64>(value) : static_cast<u64>(value);
    do digits[count++] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0) digits[count++] = '-';
    while (count > 0 && used_ < sizeof text_) text_[used_++] = digits[--count];
    return *this;
  }
  ~Line() { call(Call::kLogWrite, LogLevel::kInfo, text_, used_); }

 private:
  char text_[200];
  usize used_ = 0;
};

inline Handle startup_handle(const u64* stack, const char* name) {
  const u64* at = stack + 1 + stack[0] + 1;  // argc, argv, null
  while (*at != 0) ++at;                     // environment
  for (++at; at[0] != 0; at += 2) {
    if (at[0] != kAuxStartup) continue;
    const Startup& startup = *reinterpret_cast<const Startup*>(at[1]);
    for (u32 i = 0; i < startup.count; ++i) {
      const char *a = startup.handles[i].name, *b = name;
      while (*a != 0 && *a == *b) ++a, ++b;
      if (*a == *b) return startup.handles[i].handle;
    }
  }
  return kNoHandle;
}

// A ring with the user's side of the queues.
struct UserRing {
  Handle handle = kNoHandle;
  RingHeader* header = nullptr;
  Submission* submissions = nullptr;
  const Completion* completions = nullptr;
  u32 submit_mask = 0, complete_mask = 0, tail = 0, head = 0;

  i64 create(u32 submit_entries, u32 complete_entries) {
    RingRequest request{submit_entries, complete_entries, 0};
    const i64 made = call(Call::kRingCreate, &request);
    if (made < 0) return made;
    handle = static_cast<Handle>(made);
    header = reinterpret_cast<RingHeader*>(request.address);
    submissions = reinterpret_cast<Submission*>(request.address + header->submit_offset);
    completions = reinterpret_cast<const Completion*>(request.address + header->complete_offset);
    submit_mask = header->submit_entries - 1;
    complete_mask = header->complete_entries - 1;
    return made;
  }
  Submission& next() { return submissions[tail & submit_mask]; }
  void push() { header->submit_tail.store(++tail, std::memory_order_release); }
  void push(Operation operation, Handle target, u64 user_data, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0, u64 e = 0, u64 f = 0) {
    next() = {operation, 0, target, user_data, {a, b, c, d, e, f}};
    push();
  }
  // Only the registers that the call has.
  i64 enter(u32 submit, u32 wait, u64 deadline = kNever) {
    register u64 r10 asm("r10") = deadline;
    i64 result;
    asm volatile("syscall" : "=a"(result) : "a"(Call::kRingEnter), "D"(handle), "S"(submit), "d"(wait), "r"(r10) : "rcx", "r11", "memory");
    return result;
  }
  u32 available() const { return header->complete_tail.load(std::memory_order_acquire) - head; }
  Completion take() {
    const Completion completion = completions[head & complete_mask];
    header->complete_head.store(++head, std::memory_order_release);
    return completion;
  }
};

}  // namespace hati::test
