// SPDX-License-Identifier: MIT
// Handlers of the system calls on files, descriptors, mounts, terminals and sockets (core/calls_file.def). The plain forms (…_now) answer
// kNEEDASYNC where they would have to wait. Each is described by its man page.
#pragma once

#include <utility>

#include "servers/linux/core/syscall.h"

namespace hati::linux {

struct UserMessage;
struct UserMultiMessage;
struct UserPollFd;
struct UserStat;
struct UserStatfs;
struct UserStatx;
struct UserTimespec;
struct UserTimeval;

// file/event_files.cpp
SysResult<i64> sys_eventfd2(Thread& thread, u32 value, u32 flags);
SysResult<i64> sys_eventfd(Thread& thread, u32 value);
SysResult<i64> sys_signalfd4(Thread& thread, i32 fd, UserPtr<const u64> mask, u64 mask_bytes, u32 flags);
SysResult<i64> sys_signalfd(Thread& thread, i32 fd, UserPtr<const u64> mask, u64 mask_bytes);
SysResult<i64> sys_epoll_create1(Thread& thread, u32 flags);
SysResult<i64> sys_epoll_create(Thread& thread, i32 size);
SysResult<i64> sys_epoll_ctl(Thread& thread, Fd epoll_fd, u32 operation, Fd fd, UserAddress event_address);
SysResult<i64> sys_epoll_wait_now(Thread& thread, Fd fd, UserAddress to, i32 count, i32 timeout_ms);
Task<SysResult<i64>> sys_epoll_wait(Thread& thread, Fd fd, UserAddress to, i32 count, i32 timeout_ms);
Task<SysResult<i64>> sys_epoll_pwait(Thread& thread, Fd fd, UserAddress to, i32 count, i32 timeout_ms, UserPtr<const u64> mask,
                                     u64 mask_bytes);
Task<SysResult<i64>> sys_epoll_pwait2(Thread& thread, Fd fd, UserAddress to, i32 count, UserPtr<UserTimespec> time, UserPtr<const u64> mask,
                                      u64 mask_bytes);

// file/fd_calls.cpp
SysResult<i64> sys_dup(Thread& thread, Fd old);
SysResult<i64> sys_dup2(Thread& thread, Fd old, Fd fd);
SysResult<i64> sys_dup3(Thread& thread, Fd old, Fd fd, u32 flags);
SysResult<i64> sys_fcntl_now(Thread& thread, Fd fd, u32 command, u64 argument);
Task<SysResult<i64>> sys_fcntl(Thread& thread, Fd fd, u32 command, u64 argument);
Task<SysResult<i64>> sys_ioctl(Thread& thread, Fd fd, u32 request, u64 argument);
SysResult<i64> sys_pipe2(Thread& thread, UserPtr<i32> to, u32 flags);
SysResult<i64> sys_pipe(Thread& thread, UserPtr<i32> to);
SysResult<i64> sys_memfd_create(Thread& thread, UserPtr<const char> name, u32 flags);

// file/inotify.cpp
SysResult<i64> sys_inotify_init(Thread& thread);
SysResult<i64> sys_inotify_init1(Thread& thread, u32 flags);
Task<SysResult<i64>> sys_inotify_add_watch(Thread& thread, Fd fd, UserPtr<const char> path, u32 mask);
SysResult<i64> sys_inotify_rm_watch(Thread& thread, Fd fd, i32 id);

// file/io_calls.cpp
SysResult<i64> sys_read_now(Thread& thread, Fd fd, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_read(Thread& thread, Fd fd, UserAddress to, u64 bytes);
SysResult<i64> sys_write_now(Thread& thread, Fd fd, UserAddress from, u64 bytes);
Task<SysResult<i64>> sys_write(Thread& thread, Fd fd, UserAddress from, u64 bytes);
SysResult<i64> sys_readv_now(Thread& thread, Fd fd, UserAddress vector, u64 count);
Task<SysResult<i64>> sys_readv(Thread& thread, Fd fd, UserAddress vector, u64 count);
SysResult<i64> sys_writev_now(Thread& thread, Fd fd, UserAddress vector, u64 count);
Task<SysResult<i64>> sys_writev(Thread& thread, Fd fd, UserAddress vector, u64 count);
SysResult<i64> sys_pread64_now(Thread& thread, Fd fd, UserAddress to, u64 bytes, i64 offset);
Task<SysResult<i64>> sys_pread64(Thread& thread, Fd fd, UserAddress to, u64 bytes, i64 offset);
SysResult<i64> sys_pwrite64_now(Thread& thread, Fd fd, UserAddress from, u64 bytes, i64 offset);
Task<SysResult<i64>> sys_pwrite64(Thread& thread, Fd fd, UserAddress from, u64 bytes, i64 offset);
Task<SysResult<i64>> sys_preadv(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset);
Task<SysResult<i64>> sys_pwritev(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset);
Task<SysResult<i64>> sys_preadv2(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset, u64, u32 flags);
Task<SysResult<i64>> sys_pwritev2(Thread& thread, Fd fd, UserAddress vector, u64 count, i64 offset, u64, u32 flags);
SysResult<i64> sys_lseek(Thread& thread, Fd fd, i64 offset, u32 whence);

// file/poll.cpp
SysResult<i64> sys_poll_now(Thread& thread, UserPtr<UserPollFd> fds, u32 count, i32 timeout_ms);
Task<SysResult<i64>> sys_poll(Thread& thread, UserPtr<UserPollFd> fds, u32 count, i32 timeout_ms);
Task<SysResult<i64>> sys_ppoll(Thread& thread, UserPtr<UserPollFd> fds, u32 count, UserPtr<UserTimespec> time, UserPtr<const u64> mask,
                               u64 mask_bytes);
Task<SysResult<i64>> sys_select(Thread& thread, i32 limit, UserAddress read, UserAddress write, UserAddress except,
                                UserPtr<UserTimeval> time);
Task<SysResult<i64>> sys_pselect6(Thread& thread, i32 limit, UserAddress read, UserAddress write, UserAddress except,
                                  UserPtr<UserTimespec> time, UserPtr<const std::pair<u64, u64>> mask);

// file/transfer_calls.cpp
Task<SysResult<i64>> sys_sendfile(Thread& thread, Fd out, Fd in, UserPtr<i64> offset, u64 count);
Task<SysResult<i64>> sys_copy_file_range(Thread& thread, Fd in, UserPtr<i64> in_offset, Fd out, UserPtr<i64> out_offset, u64 count,
                                         u32 flags);
Task<SysResult<i64>> sys_splice(Thread& thread, Fd in, UserPtr<i64> in_offset, Fd out, UserPtr<i64> out_offset, u64 count, u32 flags);
Task<SysResult<i64>> sys_tee(Thread& thread, Fd in, Fd out, u64 count, u32 flags);
Task<SysResult<i64>> sys_vmsplice(Thread& thread, Fd fd, UserAddress vector, u64 count, u32 flags);
Task<SysResult<i64>> sys_fallocate(Thread& thread, Fd fd, u32 mode, i64 offset, i64 bytes);
Task<SysResult<i64>> sys_fsync(Thread& thread, Fd fd);
Task<SysResult<i64>> sys_fdatasync(Thread& thread, Fd fd);
Task<SysResult<i64>> sys_sync(Thread& thread);
Task<SysResult<i64>> sys_syncfs(Thread& thread, Fd fd);
SysResult<i64> sys_fadvise64(Thread& thread, Fd fd, i64 offset, i64 bytes, u32 advice);
SysResult<i64> sys_readahead(Thread& thread, Fd fd, i64 offset, u64 bytes);
SysResult<i64> sys_sync_file_range(Thread& thread, Fd fd, i64 offset, i64 bytes, u32 flags);

// vfs/attribute_calls.cpp
SysResult<i64> sys_faccessat2_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode, u32 flags);
Task<SysResult<i64>> sys_faccessat2(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode, u32 flags);
SysResult<i64> sys_faccessat_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_faccessat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode);
SysResult<i64> sys_access_now(Thread& thread, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_access(Thread& thread, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_fchmodat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_chmod(Thread& thread, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_fchmod(Thread& thread, Fd fd, u32 mode);
Task<SysResult<i64>> sys_fchownat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 uid, u32 gid, u32 flags);
Task<SysResult<i64>> sys_chown(Thread& thread, UserPtr<const char> path, u32 uid, u32 gid);
Task<SysResult<i64>> sys_lchown(Thread& thread, UserPtr<const char> path, u32 uid, u32 gid);
Task<SysResult<i64>> sys_fchown(Thread& thread, Fd fd, u32 uid, u32 gid);
Task<SysResult<i64>> sys_utimensat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<const UserTimespec> times, u32 flags);
Task<SysResult<i64>> sys_futimesat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<const UserTimeval> times);
Task<SysResult<i64>> sys_utimes(Thread& thread, UserPtr<const char> path, UserPtr<const UserTimeval> times);
Task<SysResult<i64>> sys_utime(Thread& thread, UserPtr<const char> path, UserPtr<const i64> times);
Task<SysResult<i64>> sys_truncate(Thread& thread, UserPtr<const char> path, i64 size);
SysResult<i64> sys_ftruncate_now(Thread& thread, Fd fd, i64 size);
Task<SysResult<i64>> sys_ftruncate(Thread& thread, Fd fd, i64 size);
SysResult<i64> sys_umask(Thread& thread, u32 mask);

// vfs/directory_calls.cpp
SysResult<i64> sys_getdents64_now(Thread& thread, Fd fd, UserAddress to, u32 bytes);
Task<SysResult<i64>> sys_getdents64(Thread& thread, Fd fd, UserAddress to, u32 bytes);
SysResult<i64> sys_getdents_now(Thread& thread, Fd fd, UserAddress to, u32 bytes);
Task<SysResult<i64>> sys_getdents(Thread& thread, Fd fd, UserAddress to, u32 bytes);
Task<SysResult<i64>> sys_chdir(Thread& thread, UserPtr<const char> path);
SysResult<i64> sys_fchdir(Thread& thread, Fd fd);
Task<SysResult<i64>> sys_chroot(Thread& thread, UserPtr<const char> path);
SysResult<i64> sys_getcwd(Thread& thread, UserAddress to, u64 bytes);

// vfs/lock_calls.cpp
Task<SysResult<i64>> sys_flock(Thread& thread, Fd fd, u32 operation);

// vfs/mount_calls.cpp
Task<SysResult<i64>> sys_mount(Thread& thread, UserPtr<const char> source, UserPtr<const char> target, UserPtr<const char> type,
                               u64 flags64, UserAddress data);
Task<SysResult<i64>> sys_umount2(Thread& thread, UserPtr<const char> target, u32 flags);
Task<SysResult<i64>> sys_pivot_root(Thread& thread, UserPtr<const char> new_root, UserPtr<const char> put_old);

// vfs/name_calls.cpp
Task<SysResult<i64>> sys_mkdirat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_mkdir(Thread& thread, UserPtr<const char> path, u32 mode);
Task<SysResult<i64>> sys_mknodat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 mode, u32 device);
Task<SysResult<i64>> sys_mknod(Thread& thread, UserPtr<const char> path, u32 mode, u32 device);
Task<SysResult<i64>> sys_symlinkat(Thread& thread, UserPtr<const char> target, i32 dirfd, UserPtr<const char> path);
Task<SysResult<i64>> sys_symlink(Thread& thread, UserPtr<const char> target, UserPtr<const char> path);
Task<SysResult<i64>> sys_linkat(Thread& thread, i32 old_dirfd, UserPtr<const char> old_path, i32 new_dirfd, UserPtr<const char> new_path,
                                u32 flags);
Task<SysResult<i64>> sys_link(Thread& thread, UserPtr<const char> old_path, UserPtr<const char> new_path);
Task<SysResult<i64>> sys_unlinkat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags);
Task<SysResult<i64>> sys_unlink(Thread& thread, UserPtr<const char> path);
Task<SysResult<i64>> sys_rmdir(Thread& thread, UserPtr<const char> path);

// vfs/open_calls.cpp
SysResult<i64> sys_openat_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mode);
Task<SysResult<i64>> sys_openat(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mode);
SysResult<i64> sys_open_now(Thread& thread, UserPtr<const char> path, u32 flags, u32 mode);
Task<SysResult<i64>> sys_open(Thread& thread, UserPtr<const char> path, u32 flags, u32 mode);
Task<SysResult<i64>> sys_creat(Thread& thread, UserPtr<const char> path, u32 mode);
SysResult<i64> sys_close(Thread& thread, Fd fd);
SysResult<i64> sys_close_range(Thread& thread, u32 first, u32 last, u32 flags);

// vfs/rename.cpp
Task<SysResult<i64>> sys_renameat2(Thread& thread, i32 old_dirfd, UserPtr<const char> old_path, i32 new_dirfd, UserPtr<const char> new_path,
                                   u32 flags);
Task<SysResult<i64>> sys_renameat(Thread& thread, i32 old_dirfd, UserPtr<const char> old_path, i32 new_dirfd, UserPtr<const char> new_path);
Task<SysResult<i64>> sys_rename(Thread& thread, UserPtr<const char> old_path, UserPtr<const char> new_path);

// vfs/stat_calls.cpp
SysResult<i64> sys_newfstatat_now(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<UserStat> to, u32 flags);
Task<SysResult<i64>> sys_newfstatat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserPtr<UserStat> to, u32 flags);
SysResult<i64> sys_stat_now(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to);
Task<SysResult<i64>> sys_stat(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to);
SysResult<i64> sys_lstat_now(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to);
Task<SysResult<i64>> sys_lstat(Thread& thread, UserPtr<const char> path, UserPtr<UserStat> to);
SysResult<i64> sys_fstat(Thread& thread, Fd fd, UserPtr<UserStat> to);
SysResult<i64> sys_statx_now(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mask, UserPtr<UserStatx> to);
Task<SysResult<i64>> sys_statx(Thread& thread, i32 dirfd, UserPtr<const char> path, u32 flags, u32 mask, UserPtr<UserStatx> to);
Task<SysResult<i64>> sys_statfs(Thread& thread, UserPtr<const char> path, UserPtr<UserStatfs> to);
Task<SysResult<i64>> sys_fstatfs(Thread& thread, Fd fd, UserPtr<UserStatfs> to);
Task<SysResult<i64>> sys_readlinkat(Thread& thread, i32 dirfd, UserPtr<const char> path, UserAddress to, i32 bytes);
Task<SysResult<i64>> sys_readlink(Thread& thread, UserPtr<const char> path, UserAddress to, i32 bytes);

// vfs/xattr_calls.cpp
Task<SysResult<i64>> sys_setxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress value, u64 bytes,
                                  u32 flags);
Task<SysResult<i64>> sys_lsetxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress value, u64 bytes,
                                   u32 flags);
Task<SysResult<i64>> sys_fsetxattr(Thread& thread, Fd fd, UserPtr<const char> name, UserAddress value, u64 bytes, u32 flags);
Task<SysResult<i64>> sys_getxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_lgetxattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_fgetxattr(Thread& thread, Fd fd, UserPtr<const char> name, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_listxattr(Thread& thread, UserPtr<const char> path, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_llistxattr(Thread& thread, UserPtr<const char> path, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_flistxattr(Thread& thread, Fd fd, UserAddress to, u64 bytes);
Task<SysResult<i64>> sys_removexattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name);
Task<SysResult<i64>> sys_lremovexattr(Thread& thread, UserPtr<const char> path, UserPtr<const char> name);
Task<SysResult<i64>> sys_fremovexattr(Thread& thread, Fd fd, UserPtr<const char> name);

// socket/calls.cpp
SysResult<i64> sys_socket(Thread& thread, i32 family, u32 type, u32 protocol);
SysResult<i64> sys_socketpair(Thread& thread, i32 family, u32 type, u32 protocol, UserPtr<i32> to);
Task<SysResult<i64>> sys_bind(Thread& thread, Fd fd, UserAddress address, u32 bytes);
SysResult<i64> sys_listen(Thread& thread, Fd fd, i32 backlog);
Task<SysResult<i64>> sys_connect(Thread& thread, Fd fd, UserAddress address, u32 bytes);
Task<SysResult<i64>> sys_accept4(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length, u32 flags);
Task<SysResult<i64>> sys_accept(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length);
SysResult<i64> sys_shutdown(Thread& thread, Fd fd, u32 how);
SysResult<i64> sys_getsockname(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length);
SysResult<i64> sys_getpeername(Thread& thread, Fd fd, UserAddress address, UserPtr<i32> length);
SysResult<i64> sys_getsockopt(Thread& thread, Fd fd, i32 level, i32 option, UserAddress to, UserPtr<i32> length);
SysResult<i64> sys_setsockopt(Thread& thread, Fd fd, i32 level, i32 option, UserAddress from, i32 bytes);

// socket/messages.cpp
Task<SysResult<i64>> sys_sendmsg(Thread& thread, Fd fd, UserPtr<const UserMessage> message, u32 flags);
Task<SysResult<i64>> sys_recvmsg(Thread& thread, Fd fd, UserPtr<UserMessage> message, u32 flags);
Task<SysResult<i64>> sys_sendmmsg(Thread& thread, Fd fd, UserPtr<UserMultiMessage> messages, u32 count, u32 flags);
Task<SysResult<i64>> sys_sendto(Thread& thread, Fd fd, UserAddress from, u64 bytes, u32 flags, UserAddress address, u32 address_bytes);
Task<SysResult<i64>> sys_recvfrom(Thread& thread, Fd fd, UserAddress to, u64 bytes, u32 flags, UserAddress address, UserPtr<i32> length);

}  // namespace hati::linux
