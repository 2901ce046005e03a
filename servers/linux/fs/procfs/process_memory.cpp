// SPDX-License-Identifier: MIT
// /proc/PID/mem and /proc/PID/syscall (proc(5)): what debuggers read. The memory is the one that the process had when the file was opened.
#include <algorithm>
#include <vector>

#include "servers/linux/file/io.h"
#include "servers/linux/fs/procfs/node.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/ptrace/registers.h"

namespace hati::linux::proc {

namespace {

constexpr usize kChunk = 64 * 1024;

class MemoryFile final : public SeekableFile {
 public:
  MemoryFile(u32 flags, Ref<Mm> mm) : SeekableFile(flags), mm_(std::move(mm)) {}

  SysResult<usize> read_at(IoContext&, IoBuffer& to, u64 offset) override {
    if (is_gone()) return usize{0};
    std::vector<u8> buffer(std::min<u64>(to.left(), kChunk));
    if (buffer.empty()) return usize{0};
    const usize got = TRY(debug_read(mm_->memory(), offset, buffer.data(), buffer.size()));
    return to.copy_out(buffer.data(), got);
  }
  SysResult<usize> write_at(IoContext&, IoBuffer& from, u64 offset) override {
    if (is_gone()) return usize{0};
    std::vector<u8> buffer(std::min<u64>(from.left(), kChunk));
    if (buffer.empty()) return usize{0};
    const usize got = TRY(from.copy_in(buffer.data(), buffer.size()));
    return debug_write(mm_->memory(), offset, buffer.data(), got);
  }
  // Positions are addresses: there is no end to seek from.
  SysResult<i64> seek(i64 offset, u32 whence) override {
    enum : u32 { kSet = 0, kCurrent = 1 };
    if (whence > kCurrent) return fail(Errno::kINVAL);
    SpinGuard guard(position_lock());
    set_position(whence == kSet ? static_cast<u64>(offset) : position() + static_cast<u64>(offset));
    return static_cast<i64>(position());
  }

 protected:
  SysResult<u64> size() override { return u64{0}; }

 private:
  // No thread runs in it any more.
  bool is_gone() const { return !mm_ || mm_->users.load(std::memory_order_relaxed) == 0; }
  const Ref<Mm> mm_;
};

class MemoryNode final : public Node {
 public:
  MemoryNode(FileSystem& file_system, const NodeInfo& info, Subject subject) : Node(file_system, info), subject_(std::move(subject)) {}
  SysResult<Ref<File>> open_now(Thread* thread, u32 flags) override {
    if (thread != nullptr && !may_access(*thread, *subject_.thread, AccessMode::kAttach, false)) return fail(Errno::kACCES);
    return Ref<File>(Ref<MemoryFile>::adopt(std::make_unique<MemoryFile>(flags, subject_.thread->get_mm()).release()));
  }

 private:
  const Subject subject_;
};

}  // namespace

Ref<Inode> memory_node(FileSystem& file_system, const NodeInfo& info, Subject subject) {
  return make_node<MemoryNode>(file_system, info, std::move(subject));
}

// The call that the thread sleeps in with its arguments, stack pointer and instruction pointer; "running" if it does not sleep.
SysResult<std::string> syscall_text(const Subject& subject, Thread* reader) {
  if (reader != nullptr && !may_access(*reader, *subject.thread, AccessMode::kAttach, false)) return fail(Errno::kPERM);
  Thread& thread = *subject.thread;
  const char state = thread.state_letter();
  if (state == 'R' || state == 'Z') return std::string("running\n");
  Text text;
  // The lock keeps the registers where they are; the thread may go on meanwhile, as it may right after a look on Linux.
  SpinGuard guard(thread.lock());
  if (!thread.native()) return std::string("running\n");
  const UserRegisters r = get_registers(thread);
  const i64 number = thread.trace.stopped ? static_cast<i64>(r.original_rax) : static_cast<i64>(static_cast<u32>(thread.page().rax));
  if (number < 0 || state == 'T') {
    text.print("-1 0x{:x} 0x{:x}\n", r.rsp, r.rip);
  } else {
    text.print("{} 0x{:x} 0x{:x} 0x{:x} 0x{:x} 0x{:x} 0x{:x} 0x{:x} 0x{:x}\n", number, r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9, r.rsp,
               r.rip);
  }
  return text.take();
}

}  // namespace hati::linux::proc
