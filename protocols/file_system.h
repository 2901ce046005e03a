// SPDX-License-Identifier: MIT
// A mounted file system, one channel each (docs/decisions/0007). Served by servers/ext4, under the service "ext4"; the client is the Linux
// server. A node is a number that the server chose; each reply that names one adds a reference, ForgetRequest gives references back, and a
// node without names is deleted with its last reference. When the channel closes, all references go and the file system is unmounted.
// Every reply begins with an errno of Linux (0: it worked; the rest counts only then); Error is for broken messages and dead
// servers: kBadData, kPeerClosed. Any request may answer EIO, EUCLEAN (damaged; from then on EROFS as errors= says), ESTALE (a node the client
// does not hold), EINTR (cancelled), and those that change something EROFS. Names are 1 to 255 bytes without '/' and zero.
#pragma once

#include "runtime/rpc.h"

namespace hati::file_system {

using NodeNumber = u32;

struct Time {
  i64 seconds;
  u64 nanoseconds;
};

// Who asks and when; the client's clock is what files get.
struct Caller {
  u32 uid, gid;  // of what is created
  u32 privileged;  // may use the blocks reserved for root
  u32 reserved = 0;
  Time now;
};

struct Attributes {
  NodeNumber node;
  u32 generation;
  u32 mode;  // type and permissions, as st_mode
  u32 links;
  u32 uid, gid;
  u64 device;  // st_rdev
  u64 size;
  u64 blocks;  // of 512 bytes
  u32 flags;  // FS_IOC_GETFLAGS
  u32 has_xattrs;  // 0: there is no extended attribute, so no POSIX list either
  Time access, modify, change, birth;
};

// Whether it worked, and nothing else.
struct StatusReply {
  u32 error;
  u32 reserved = 0;
};
struct NodeReply {
  u32 error;
  u32 reserved = 0;
  Attributes attributes;
};

enum MountFlags : u32 { kMountReadOnly = 1, kMountNoRecovery = 2 };
enum class OnError : u32 { kAsSuperblock, kContinue, kRemountReadOnly, kPanic };
struct MountReply {
  u32 error;
  u32 read_only;  // also if the client did not ask for it
  Attributes root;
};
// The first request on a channel. Payload of the request: the disk's name for the service "block" ("vda", "vda2"). Payload of the reply where
// error is not 0: a sentence for the log, which names unknown features. EINVAL: no such file system; EOPNOTSUPP: features;
// EROFS: it can only be mounted read-only; ENXIO: no such disk; EBUSY: mounted by another client. Blocks for the journal's replay.
struct MountRequest {
  static constexpr u32 kId = 1;
  using Reply = MountReply;
  u32 flags;
  OnError on_error;
  Time now;
};

// EROFS: errors were found, or the disk is read-only.
struct RemountRequest {
  static constexpr u32 kId = 2;
  using Reply = StatusReply;
  u32 flags;
  u32 reserved = 0;
};

// Everything is written, and the file system is clean. Afterwards only MountRequest is answered (others: ENXIO).
struct UnmountRequest {
  static constexpr u32 kId = 3;
  using Reply = StatusReply;
  u64 reserved = 0;
};

// All that completed before is durable. Blocks.
struct SyncAllRequest {
  static constexpr u32 kId = 4;
  using Reply = StatusReply;
  u64 reserved = 0;
};

struct StatisticsReply {
  u32 error;
  u32 block_size;
  u64 blocks, free_blocks, available_blocks;
  u64 nodes, free_nodes;
  u64 id;
};
struct StatisticsRequest {
  static constexpr u32 kId = 5;
  using Reply = StatisticsReply;
  u64 reserved = 0;
};

// Payload: the name. ENOENT, ENOTDIR, ENAMETOOLONG. Adds a reference.
struct LookupRequest {
  static constexpr u32 kId = 10;
  using Reply = NodeReply;
  NodeNumber directory;
  u32 reserved = 0;
};

// Adds no reference.
struct GetAttributesRequest {
  static constexpr u32 kId = 11;
  using Reply = NodeReply;
  NodeNumber node;
  u32 reserved = 0;
};

enum AttributeBits : u32 { kMode = 1, kUid = 2, kGid = 4, kSize = 8, kAccess = 16, kModify = 32, kChange = 64, kFlags = 128 };
// chmod, chown, utimensat, truncate; and sizes and times that the client kept while it wrote. With kSize the Memory of the node is resized, and
// pages beyond are gone. kChange sets ctime to `change`, otherwise it becomes caller.now; kSize sets mtime to caller.now unless kModify. EFBIG.
struct SetAttributesRequest {
  static constexpr u32 kId = 12;
  using Reply = NodeReply;
  NodeNumber node;
  u32 bits;
  u32 mode, uid, gid;
  u32 flags;
  u64 size;
  Time access, modify, change;
  Caller caller;
};

// Gives references back.
struct ForgetRequest {
  static constexpr u32 kId = 13;
  using Reply = StatusReply;
  NodeNumber node;
  u32 reserved = 0;
  u64 count;
  Time now;
};

struct CreateReply {
  u32 error;
  u32 reserved = 0;
  Attributes attributes, directory;  // of the new node; of the directory afterwards
};
// Any type; mode has the type's bits. Payload: the name; for symbolic links a zero byte and the target follow. An empty name makes a file
// without one (O_TMPFILE), which LinkRequest may give one. The payload ends with the POSIX lists that the node has from the beginning, as in
// getxattr(2): first the access list, then the default list. EEXIST, ENOENT (the directory was deleted), ENOSPC, EMLINK, ENAMETOOLONG. Adds a
// reference.
struct CreateRequest {
  static constexpr u32 kId = 14;
  using Reply = CreateReply;
  NodeNumber directory;
  u32 mode;
  u64 device;
  u32 access_list_bytes, default_list_bytes;
  Caller caller;
};

// Payload: the new name. EPERM: a directory. EEXIST, EMLINK, ENOSPC. Adds a reference.
struct LinkRequest {
  static constexpr u32 kId = 15;
  using Reply = NodeReply;
  NodeNumber node;
  NodeNumber directory;
  Caller caller;
};

struct RemoveReply {
  u32 error;
  u32 exists;  // the node still does: somebody holds it, or it has other names
  Attributes directory, removed;  // afterwards; `removed` if it exists
};
// Payload: the name. With `is_directory` as rmdir(2): ENOTEMPTY, ENOTDIR; otherwise as unlink(2): EISDIR.
struct RemoveRequest {
  static constexpr u32 kId = 16;
  using Reply = RemoveReply;
  NodeNumber directory;
  u32 is_directory;
  Caller caller;
};

// Payload: the old name, a zero byte, the new name. Flags as renameat2(2): 1 no replace, 2 exchange, 4 whiteout. Errors as there.
struct RenameRequest {
  static constexpr u32 kId = 17;
  using Reply = StatusReply;
  NodeNumber from;
  NodeNumber to;
  u32 flags;
  u32 reserved = 0;
  Caller caller;
};

// In the payload of ReadDirectoryReply: one record after the other, each followed by the name and zeroes up to a multiple of 8.
struct DirectoryRecord {
  u64 next;  // cookie that goes on after this entry: what getdents64 calls d_off
  NodeNumber node;
  u16 type;  // DT_* of dirent.h; 0: unknown
  u16 name_bytes;
};
struct ReadDirectoryReply {
  u32 error;
  u32 count;  // 0: the end
};
// From `cookie` (0: the beginning), as many as fit. "." and ".." are among them. Cookies stay valid while names come and go.
struct ReadDirectoryRequest {
  static constexpr u32 kId = 18;
  using Reply = ReadDirectoryReply;
  NodeNumber directory;
  u32 bytes_max;  // of payload; at most kPayloadMax
  u64 cookie;
};

// Payload of the reply: the target. EINVAL: not a symbolic link.
struct ReadLinkRequest {
  static constexpr u32 kId = 19;
  using Reply = StatusReply;
  NodeNumber node;
  u32 reserved = 0;
};

struct OpenDataReply {
  u32 error;
  u32 reserved = 0;
  u64 memory_bytes;  // its length now: at least the size
};
// Handle 0 of the reply: the paged Memory of a regular file, to read, write and map. Bytes beyond the size that the client knows are its
// business; beyond the Memory's length there is nothing. It stays valid until the node's last reference goes.
struct OpenDataRequest {
  static constexpr u32 kId = 30;
  using Reply = OpenDataReply;
  NodeNumber node;
  u32 reserved = 0;
};

struct ReserveReply {
  u32 error;
  u32 reserved = 0;
  u64 memory_bytes;
};
// Before a file grows: room for `bytes` in all is set aside and its Memory gets at least this length. The size stays what it was until
// SetAttributesRequest. ENOSPC, EFBIG.
struct ReserveRequest {
  static constexpr u32 kId = 31;
  using Reply = ReserveReply;
  NodeNumber node;
  u32 privileged;
  u64 bytes;
};

// Writes the Memory's dirty pages (all, or of `bytes` from `offset`), then makes them and what is needed to find them durable, unless
// `data_only` also times and the like. The client has sent the size before. bytes 0: to the end. ENOSPC, EIO: also of earlier write-back.
struct SyncRequest {
  static constexpr u32 kId = 32;
  using Reply = StatusReply;
  NodeNumber node;
  u32 data_only;
  u64 offset, bytes;
};

// fallocate(2) by `flags` (FALLOC_FL_*). Pages of punched and zeroed blocks are dropped from the Memory. EOPNOTSUPP: other flags, or a
// file that has no extents.
struct AllocateRequest {
  static constexpr u32 kId = 33;
  using Reply = StatusReply;
  NodeNumber node;
  u32 flags;
  u64 offset, bytes;
  Caller caller;
};

struct SeekReply {
  u32 error;
  u32 reserved = 0;
  u64 offset;
};
// SEEK_DATA (data = 1), SEEK_HOLE (0). Dirty pages are written first. ENXIO.
struct SeekRequest {
  static constexpr u32 kId = 34;
  using Reply = SeekReply;
  NodeNumber node;
  u32 data;
  u64 offset;
};

// O_DIRECT. Request handle 0: a Memory of the client. offset, memory_offset and bytes are multiples of the file system's block size
// (EINVAL). The Memory of the file is written back before, and pages that a write covers are dropped. Writing grows what the server knows of the
// file, not its size.
struct DirectRequest {
  static constexpr u32 kId = 35;
  using Reply = StatusReply;
  NodeNumber node;
  u32 write;
  u64 offset, memory_offset, bytes;
};

struct ValueReply {
  u32 error;
  u32 bytes;
};
// Payload of the request: the name, with its prefix; of the reply: the value, if it fits into `bytes_max` (otherwise ERANGE with bytes set).
// 0 asks for the length only. ENODATA, EOPNOTSUPP. POSIX ACLs in the form of getxattr(2).
struct GetXattrRequest {
  static constexpr u32 kId = 40;
  using Reply = ValueReply;
  NodeNumber node;
  u32 bytes_max;
};
// Payload of the reply: names, each with a zero byte behind it.
struct ListXattrRequest {
  static constexpr u32 kId = 41;
  using Reply = ValueReply;
  NodeNumber node;
  u32 bytes_max;
};
// Payload: the name, a zero byte, the value. Flags as setxattr(2). EEXIST, ENODATA, ENOSPC, ERANGE, EOPNOTSUPP.
struct SetXattrRequest {
  static constexpr u32 kId = 42;
  using Reply = StatusReply;
  NodeNumber node;
  u32 flags;
  u32 mode;  // 0: as it is; otherwise permissions that the node gets in the same step (POSIX lists)
  u32 reserved = 0;
  Caller caller;
};
// Payload: the name. ENODATA.
struct RemoveXattrRequest {
  static constexpr u32 kId = 43;
  using Reply = StatusReply;
  NodeNumber node;
  u32 mode;  // as above
  Caller caller;
};

using FileSystemProtocol =
    Protocol<LookupRequest, GetAttributesRequest, SetAttributesRequest, ForgetRequest, CreateRequest, LinkRequest, RemoveRequest,
             RenameRequest, ReadDirectoryRequest, ReadLinkRequest, OpenDataRequest, ReserveRequest, SyncRequest, AllocateRequest,
             SeekRequest, DirectRequest, GetXattrRequest, ListXattrRequest, SetXattrRequest, RemoveXattrRequest, MountRequest,
             RemountRequest, UnmountRequest, SyncAllRequest, StatisticsRequest>;

static_assert(sizeof(Attributes) == 120 && sizeof(Caller) == 32 && sizeof(NodeReply) == 128);
static_assert(sizeof(SetAttributesRequest) == 112 && sizeof(DirectoryRecord) == 16);

}  // namespace hati::file_system
