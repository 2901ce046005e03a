// SPDX-License-Identifier: MIT
// Reading and writing open files: the loops that wait, around File's operations that never do.
#pragma once

#include "servers/linux/core/thread.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/file/file.h"

namespace hati::linux {

inline constexpr u64 kTransferMax = 0x7ffff000;  // read(2), "NOTES"

// Without waiting; kNEEDASYNC where the coroutine would wait.
SysResult<usize> read_file_now(Thread& thread, File& file, IoBuffer& to, u32 flags = 0);
SysResult<usize> write_file_now(Thread& thread, File& file, IoBuffer& from, u32 flags = 0);
// Until there is something, as blocking descriptors do. `file` outlives the call.
Task<SysResult<usize>> read_file(Thread& thread, File& file, IoBuffer& to, u32 flags = 0);
// Until all is written where the kind of file demands it. SIGPIPE is raised here.
Task<SysResult<usize>> write_file(Thread& thread, File& file, IoBuffer& from, u32 flags = 0);

// At an offset of its own; `thread` is null for the server itself.
Task<SysResult<usize>> read_file_at(Thread* thread, File& file, IoBuffer& to, u64 offset, u32 flags = 0);
Task<SysResult<usize>> write_file_at(Thread* thread, File& file, IoBuffer& from, u64 offset, u32 flags = 0);

// A file with a size and a position: sequential I/O in terms of positioned I/O.
class SeekableFile : public File {
 public:
  using File::File;
  SysResult<usize> read(IoContext& context, IoBuffer& to) override;
  SysResult<usize> write(IoContext& context, IoBuffer& from) override;
  SysResult<i64> seek(i64 offset, u32 whence) override;

 protected:
  virtual SysResult<u64> size() = 0;
  // O_APPEND: at the end, whose offset (after the write) is returned through `position`.
  virtual SysResult<usize> append(IoContext& context, IoBuffer& from, u64& position);
  // SEEK_DATA (3) and SEEK_HOLE (4); the default: one piece of data, then a hole.
  virtual SysResult<u64> seek_content(u64 offset, u32 whence);
};

// A regular file: where a write goes, and how far RLIMIT_FSIZE lets it.
class ContentFile : public SeekableFile {
 public:
  using SeekableFile::SeekableFile;
  SysResult<usize> write_at(IoContext& context, IoBuffer& from, u64 offset) final;

 protected:
  SysResult<usize> append(IoContext& context, IoBuffer& from, u64& position) final;
  // At `offset`, or at the end as it is then: `offset` becomes that.
  virtual SysResult<usize> write_content(IoContext& context, IoBuffer& from, u64& offset, bool at_end) = 0;

 private:
  SysResult<usize> write_limited(IoContext& context, IoBuffer& from, u64& offset, bool at_end);
};

}  // namespace hati::linux
