// SPDX-License-Identifier: MIT
// What the compiler, libc++ headers and Boost.Intrusive expect to find when their own checks fail, and the few C functions they use.
// memcpy and its relatives are in kernel/arch.
#include <cstdarg>
#include <new>

#include "kernel/debug/panic.h"

using hati::panic;
using hati::usize;

extern "C" {

[[noreturn]] void __assert_fail(const char* expression, const char* file, unsigned line, const char*) {
  hati::assertion_failed(expression, file, line);
}
[[noreturn]] void abort() { panic("abort() was called"); }
[[noreturn]] void __cxa_pure_virtual() { panic("a pure virtual function was called"); }

usize strlen(const char* text) {
  usize length = 0;
  while (text[length] != '\0') ++length;
  return length;
}
// Under another name, because libc++ overloads memchr().
void* find_byte(const void* memory, int value, usize bytes) asm("memchr");
void* find_byte(const void* memory, int value, usize bytes) {
  const auto* at = static_cast<const unsigned char*>(memory);
  for (usize i = 0; i < bytes; ++i)
    if (at[i] == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(at + i);
  return nullptr;
}
// Static objects of the kernel are never destroyed.
int atexit(void (*)()) { return 0; }
}

_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char* format, ...) { panic("libc++: {}", format); }
_LIBCPP_END_NAMESPACE_STD

// Virtual destructors refer to it; kernel objects go back to their caches and never come here.
void operator delete(void*) noexcept { panic("operator delete was called"); }
void operator delete(void*, usize) noexcept { panic("operator delete was called"); }
void operator delete(void*, std::align_val_t) noexcept { panic("operator delete was called"); }
void operator delete(void*, usize, std::align_val_t) noexcept { panic("operator delete was called"); }
