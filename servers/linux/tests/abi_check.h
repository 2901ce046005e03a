// SPDX-License-Identifier: MIT
// Comparison of our structures and constants with those of Linux's uapi headers, at compile time. Each of the abi_*_check.cpp includes the real
// headers of one area; apart, since some of these cannot be included together, nor with the C library's.
#pragma once

#include <stddef.h>

#define SAME_SIZE(ours, theirs) static_assert(sizeof(ours) == sizeof(theirs), #ours)
#define SAME(ours, our_field, theirs, their_field)                                                 \
  static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field), #ours "." #our_field); \
  static_assert(sizeof(((ours*)nullptr)->our_field) == sizeof(((theirs*)nullptr)->their_field), #ours "." #our_field)
// The low 32 bits, since some flags are negative there and unsigned here.
#define EQUAL(ours, theirs) static_assert(static_cast<unsigned>(ours) == static_cast<unsigned>(theirs), #ours)
