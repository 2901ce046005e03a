// SPDX-License-Identifier: MIT
// The structures of abi/linux against the system's own headers.
#include <gtest/gtest.h>
#include <linux/termios.h>
#include <linux/stat.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <dirent.h>

#include "abi/linux/poll.h"
#include "abi/linux/socket.h"
#include "abi/linux/stat.h"

#define SAME(ours, our_field, theirs, their_field)                                                  \
  static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field), #ours "." #our_field);   \
  static_assert(sizeof(ours::our_field) == sizeof(theirs::their_field), #ours "." #our_field)

namespace hati::linux {

using TheirStat = struct ::stat;
static_assert(sizeof(UserStat) == sizeof(TheirStat));
SAME(UserStat, device, TheirStat, st_dev);
SAME(UserStat, inode, TheirStat, st_ino);
SAME(UserStat, links, TheirStat, st_nlink);
SAME(UserStat, mode, TheirStat, st_mode);
SAME(UserStat, gid, TheirStat, st_gid);
SAME(UserStat, device_number, TheirStat, st_rdev);
SAME(UserStat, size, TheirStat, st_size);
SAME(UserStat, block_size, TheirStat, st_blksize);
SAME(UserStat, blocks, TheirStat, st_blocks);
SAME(UserStat, access, TheirStat, st_atim);
SAME(UserStat, modify, TheirStat, st_mtim);
SAME(UserStat, change, TheirStat, st_ctim);

using TheirStatx = struct ::statx;
static_assert(sizeof(UserStatx) == sizeof(TheirStatx));
SAME(UserStatx, mask, TheirStatx, stx_mask);
SAME(UserStatx, attributes, TheirStatx, stx_attributes);
SAME(UserStatx, mode, TheirStatx, stx_mode);
SAME(UserStatx, inode, TheirStatx, stx_ino);
SAME(UserStatx, attributes_mask, TheirStatx, stx_attributes_mask);
SAME(UserStatx, access, TheirStatx, stx_atime);
SAME(UserStatx, birth, TheirStatx, stx_btime);
SAME(UserStatx, change, TheirStatx, stx_ctime);
SAME(UserStatx, modify, TheirStatx, stx_mtime);
SAME(UserStatx, rdev_major, TheirStatx, stx_rdev_major);
SAME(UserStatx, dev_minor, TheirStatx, stx_dev_minor);
SAME(UserStatx, mount_id, TheirStatx, stx_mnt_id);

using TheirStatfs = struct ::statfs;
static_assert(sizeof(UserStatfs) == sizeof(TheirStatfs));
SAME(UserStatfs, type, TheirStatfs, f_type);
SAME(UserStatfs, blocks_available, TheirStatfs, f_bavail);
SAME(UserStatfs, files_free, TheirStatfs, f_ffree);
SAME(UserStatfs, name_max, TheirStatfs, f_namelen);
SAME(UserStatfs, flags, TheirStatfs, f_flags);

static_assert(offsetof(UserDirent64, bytes) == offsetof(struct ::dirent64, d_reclen));
static_assert(offsetof(UserDirent64, type) == offsetof(struct ::dirent64, d_type));
static_assert(sizeof(UserDirent64) == offsetof(struct ::dirent64, d_name));

using TheirSignalInfo = struct ::signalfd_siginfo;
static_assert(sizeof(UserSignalFdInfo) == sizeof(TheirSignalInfo));
SAME(UserSignalFdInfo, code, TheirSignalInfo, ssi_code);
SAME(UserSignalFdInfo, timer_id, TheirSignalInfo, ssi_tid);
SAME(UserSignalFdInfo, overrun, TheirSignalInfo, ssi_overrun);
SAME(UserSignalFdInfo, status, TheirSignalInfo, ssi_status);
SAME(UserSignalFdInfo, integer, TheirSignalInfo, ssi_int);
SAME(UserSignalFdInfo, pointer, TheirSignalInfo, ssi_ptr);
SAME(UserSignalFdInfo, user_time, TheirSignalInfo, ssi_utime);
SAME(UserSignalFdInfo, address, TheirSignalInfo, ssi_addr);

using TheirPollFd = struct ::pollfd;
static_assert(sizeof(UserPollFd) == sizeof(TheirPollFd));
SAME(UserPollFd, returned, TheirPollFd, revents);

using TheirMessage = struct ::msghdr;
static_assert(sizeof(UserMessage) == sizeof(TheirMessage));
SAME(UserMessage, vector, TheirMessage, msg_iov);
SAME(UserMessage, control, TheirMessage, msg_control);
SAME(UserMessage, flags, TheirMessage, msg_flags);
using TheirControl = struct ::cmsghdr;
static_assert(sizeof(ControlHeader) == sizeof(TheirControl));
SAME(ControlHeader, type, TheirControl, cmsg_type);

TEST(AbiFile, Constants) {
  EXPECT_EQ(kScmRights, SCM_RIGHTS);
  EXPECT_EQ(kScmCredentials, 2);
  EXPECT_EQ(i32{kSoPeerCred}, SO_PEERCRED);
  EXPECT_EQ(i32{kSoPassCred}, SO_PASSCRED);
  EXPECT_EQ(i32{kSoRcvTimeO}, SO_RCVTIMEO);
  EXPECT_EQ(u32{kMsgNoSignal}, static_cast<u32>(MSG_NOSIGNAL));
  EXPECT_EQ(kUtimeNow, UTIME_NOW);
  EXPECT_EQ(kUtimeOmit, UTIME_OMIT);
}

}  // namespace hati::linux
