// SPDX-License-Identifier: MIT
// abi/linux/stat.h and poll.h against asm/stat.h, linux/stat.h, asm/statfs.h, linux/signalfd.h, asm/poll.h.
#include <asm/poll.h>
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/signalfd.h>
#include <linux/stat.h>

#include "abi/linux/poll.h"
#include "abi/linux/stat.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

using TheirStat = struct ::stat;
SAME_SIZE(UserStat, TheirStat);
SAME(UserStat, device, TheirStat, st_dev);
SAME(UserStat, inode, TheirStat, st_ino);
SAME(UserStat, links, TheirStat, st_nlink);
SAME(UserStat, mode, TheirStat, st_mode);
SAME(UserStat, uid, TheirStat, st_uid);
SAME(UserStat, gid, TheirStat, st_gid);
SAME(UserStat, device_number, TheirStat, st_rdev);
SAME(UserStat, size, TheirStat, st_size);
SAME(UserStat, block_size, TheirStat, st_blksize);
SAME(UserStat, blocks, TheirStat, st_blocks);
static_assert(offsetof(UserStat, access) == offsetof(TheirStat, st_atime) && offsetof(UserStat, modify) == offsetof(TheirStat, st_mtime));
static_assert(offsetof(UserStat, change) == offsetof(TheirStat, st_ctime));

using TheirStatx = struct ::statx;
SAME_SIZE(UserStatx, TheirStatx);
SAME(UserStatx, mask, TheirStatx, stx_mask);
SAME(UserStatx, block_size, TheirStatx, stx_blksize);
SAME(UserStatx, attributes, TheirStatx, stx_attributes);
SAME(UserStatx, links, TheirStatx, stx_nlink);
SAME(UserStatx, uid, TheirStatx, stx_uid);
SAME(UserStatx, gid, TheirStatx, stx_gid);
SAME(UserStatx, mode, TheirStatx, stx_mode);
SAME(UserStatx, inode, TheirStatx, stx_ino);
SAME(UserStatx, size, TheirStatx, stx_size);
SAME(UserStatx, blocks, TheirStatx, stx_blocks);
SAME(UserStatx, attributes_mask, TheirStatx, stx_attributes_mask);
SAME(UserStatx, access, TheirStatx, stx_atime);
SAME(UserStatx, birth, TheirStatx, stx_btime);
SAME(UserStatx, change, TheirStatx, stx_ctime);
SAME(UserStatx, modify, TheirStatx, stx_mtime);
SAME(UserStatx, rdev_major, TheirStatx, stx_rdev_major);
SAME(UserStatx, rdev_minor, TheirStatx, stx_rdev_minor);
SAME(UserStatx, dev_major, TheirStatx, stx_dev_major);
SAME(UserStatx, dev_minor, TheirStatx, stx_dev_minor);
SAME(UserStatx, mount_id, TheirStatx, stx_mnt_id);
SAME(UserStatx, direct_io_memory_align, TheirStatx, stx_dio_mem_align);
SAME(UserStatx, direct_io_offset_align, TheirStatx, stx_dio_offset_align);
using TheirStatxTime = struct ::statx_timestamp;
SAME_SIZE(UserStatxTime, TheirStatxTime);
SAME(UserStatxTime, nanoseconds, TheirStatxTime, tv_nsec);
EQUAL(kStatxBasic, STATX_BASIC_STATS);
EQUAL(kStatxBirth, STATX_BTIME);
EQUAL(kStatxMountId, STATX_MNT_ID);
EQUAL(kStatxAttrMountRoot, STATX_ATTR_MOUNT_ROOT);

using TheirStatfs = struct ::statfs;
SAME_SIZE(UserStatfs, TheirStatfs);
SAME(UserStatfs, type, TheirStatfs, f_type);
SAME(UserStatfs, block_size, TheirStatfs, f_bsize);
SAME(UserStatfs, blocks, TheirStatfs, f_blocks);
SAME(UserStatfs, blocks_free, TheirStatfs, f_bfree);
SAME(UserStatfs, blocks_available, TheirStatfs, f_bavail);
SAME(UserStatfs, files, TheirStatfs, f_files);
SAME(UserStatfs, files_free, TheirStatfs, f_ffree);
SAME(UserStatfs, fs_id, TheirStatfs, f_fsid);
SAME(UserStatfs, name_max, TheirStatfs, f_namelen);
SAME(UserStatfs, fragment_size, TheirStatfs, f_frsize);
SAME(UserStatfs, flags, TheirStatfs, f_flags);

using TheirSignal = struct ::signalfd_siginfo;
SAME_SIZE(UserSignalFdInfo, TheirSignal);
SAME(UserSignalFdInfo, signal, TheirSignal, ssi_signo);
SAME(UserSignalFdInfo, error, TheirSignal, ssi_errno);
SAME(UserSignalFdInfo, code, TheirSignal, ssi_code);
SAME(UserSignalFdInfo, pid, TheirSignal, ssi_pid);
SAME(UserSignalFdInfo, uid, TheirSignal, ssi_uid);
SAME(UserSignalFdInfo, fd, TheirSignal, ssi_fd);
SAME(UserSignalFdInfo, timer_id, TheirSignal, ssi_tid);
SAME(UserSignalFdInfo, band, TheirSignal, ssi_band);
SAME(UserSignalFdInfo, overrun, TheirSignal, ssi_overrun);
SAME(UserSignalFdInfo, trap_number, TheirSignal, ssi_trapno);
SAME(UserSignalFdInfo, status, TheirSignal, ssi_status);
SAME(UserSignalFdInfo, integer, TheirSignal, ssi_int);
SAME(UserSignalFdInfo, pointer, TheirSignal, ssi_ptr);
SAME(UserSignalFdInfo, user_time, TheirSignal, ssi_utime);
SAME(UserSignalFdInfo, system_time, TheirSignal, ssi_stime);
SAME(UserSignalFdInfo, address, TheirSignal, ssi_addr);
SAME(UserSignalFdInfo, address_lsb, TheirSignal, ssi_addr_lsb);
SAME(UserSignalFdInfo, syscall, TheirSignal, ssi_syscall);
SAME(UserSignalFdInfo, call_address, TheirSignal, ssi_call_addr);
SAME(UserSignalFdInfo, architecture, TheirSignal, ssi_arch);

using TheirPollFd = struct ::pollfd;
SAME_SIZE(UserPollFd, TheirPollFd);
SAME(UserPollFd, fd, TheirPollFd, fd);
SAME(UserPollFd, events, TheirPollFd, events);
SAME(UserPollFd, returned, TheirPollFd, revents);

}  // namespace hati::linux
