// SPDX-License-Identifier: MIT
// What runner.cpp and support.cpp share.
#pragma once

namespace test {
// Descriptor on which a test process tells the runner its first failure or why it skips.
constexpr int kReportFd = 250;
}  // namespace test
