// SPDX-License-Identifier: MIT
// The structures of abi/linux against Linux's own headers. What uapi has is compared in abi_*_check.cpp, at compile time; here is what only the C
// library has.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "abi/linux/signal.h"
#include "abi/linux/stat.h"

namespace hati::linux {
namespace {

TEST(Abi, DirectoryEntries) {
  EXPECT_EQ(offsetof(UserDirent64, bytes), offsetof(struct ::dirent64, d_reclen));
  EXPECT_EQ(offsetof(UserDirent64, type), offsetof(struct ::dirent64, d_type));
  EXPECT_EQ(sizeof(UserDirent64), offsetof(struct ::dirent64, d_name));
}

TEST(Abi, Constants) {
  EXPECT_EQ(kUtimeNow, UTIME_NOW);
  EXPECT_EQ(kUtimeOmit, UTIME_OMIT);
  EXPECT_EQ(kSignalCount + 1, _NSIG);
}

TEST(Abi, SignalInfo) {
  SignalInfo info;
  const auto& theirs = reinterpret_cast<const siginfo_t&>(info);
  info.set_sender(12, 34);
  info.set_child(56, 7, 8);
  EXPECT_EQ(theirs.si_pid, 12);
  EXPECT_EQ(theirs.si_uid, 34u);
  EXPECT_EQ(theirs.si_status, 56);
  EXPECT_EQ(theirs.si_utime, 7);
  EXPECT_EQ(theirs.si_stime, 8);
  info.set_value(99);
  EXPECT_EQ(theirs.si_value.sival_ptr, reinterpret_cast<void*>(99));
  info.set_timer(3, 4);
  EXPECT_EQ(theirs.si_timerid, 3);
  EXPECT_EQ(theirs.si_overrun, 4);
}

}  // namespace
}  // namespace hati::linux
