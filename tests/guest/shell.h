// SPDX-License-Identifier: MIT
// Scripts for Debian's busybox with the output they must have.
#pragma once

#include "test.h"

// Runs a script with busybox's shell in the current directory. Output and errors are compared with `expected`;
// the exit status is returned. Skips the test where there is no busybox.
int run_script(const char* script, const char* expected, const char* file, int line);

// A test that is a script, which must exit with 0 and print exactly `expected`.
#define SCRIPT(name, script, expected) \
  TEST_IN("shell", name, 40) { CHECK_EQ(run_script(script, expected, __FILE__, __LINE__), 0); }
