// SPDX-License-Identifier: MIT
// For host tests of kernel/object: pages from the host, destruction at once, assertions that abort.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernel/debug/panic.h"
#include "kernel/memory/quota.h"
#include "kernel/object/kernel_pages.h"
#include "kernel/object/object.h"

namespace hati {

namespace {
struct Releaser : Object {  // reaches the protected member
  static void release(Object* object) { (object->*&Releaser::release_storage)(); }
};
}  // namespace

void Object::destroy(Object* object) { Releaser::release(object); }

void Quota::destroy(Quota*) {}  // tests keep theirs on the stack

Result<void*> allocate_kernel_page() {
  void* page = std::aligned_alloc(kPageSize, kPageSize);
  std::memset(page, 0, kPageSize);
  return page;
}

void free_kernel_page(void* page) { std::free(page); }

void assertion_failed(const char* expression, const char* file, u32 line) {
  std::fprintf(stderr, "%s:%u: assertion failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace hati
