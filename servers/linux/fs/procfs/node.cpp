// SPDX-License-Identifier: MIT
#include "servers/linux/fs/procfs/node.h"

#include <algorithm>

#include "servers/linux/file/io.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/vfs/directory_file.h"

namespace hati::linux::proc {

namespace {

constexpr usize kWriteMax = 4096;

class TextFile final : public SeekableFile {
 public:
  using SeekableFile::SeekableFile;

  SysResult<usize> read_at(IoContext& context, IoBuffer& to, u64 offset) override {
    std::string piece;
    {
      if (offset == 0 || !made()) TRY(make(context.thread));
      SpinGuard guard(lock_);
      if (offset < text_.size()) piece = text_.substr(offset, to.left());
    }
    if (piece.empty()) return 0;
    return to.copy_out(piece.data(), piece.size());
  }
  SysResult<usize> write_at(IoContext& context, IoBuffer& from, u64 offset) override {
    const auto& node = static_cast<TextNode&>(*inode());
    if (!node.writer() || context.thread == nullptr) return fail(Errno::kINVAL);
    std::string text(std::min<u64>(from.left(), kWriteMax), '\0');
    text.resize(TRY(from.copy_in(text.data(), text.size())));
    TRY(node.writer()(*context.thread, text));
    return text.size();
  }

 protected:
  SysResult<u64> size() override { return 0; }

 private:
  bool made() const {
    SpinGuard guard(lock_);
    return made_;
  }
  SysResult<> make(Thread* thread) {
    std::string text = TRY(static_cast<TextNode&>(*inode()).reader()(thread));
    SpinGuard guard(lock_);
    text_ = std::move(text);
    made_ = true;
    return {};
  }

  mutable SpinLock lock_;
  std::string text_ HATI_GUARDED_BY(lock_);
  bool made_ HATI_GUARDED_BY(lock_) = false;
};

}  // namespace

Attributes Node::attributes() const {
  return {.inode = info_.inode, .mode = info_.mode, .links = is(kDirectory) ? 2u : 1u, .uid = info_.uid, .gid = info_.gid, .size = is(kSymbolicLink) ? 64u : 0u,
          .block_size = 1024, .access = time_, .modify = time_, .change = time_};
}

SysResult<Ref<File>> TextNode::open_now(Thread* thread, u32 flags) {
  if (!writer_ && (flags & kOpenAccessMode) != kOpenReadOnly) return fail(Errno::kACCES);
  return Ref<File>(Ref<TextFile>::adopt(std::make_unique<TextFile>(flags).release()));
}

Task<SysResult<>> TextNode::set_attributes(AttributeChange change) {
  if (change.bits != AttributeChange::kSize) co_return fail(Errno::kPERM);
  co_return SysResult<>{};
}

SysResult<Ref<File>> DirectoryNode::open_now(Thread* thread, u32 flags) { return DirectoryFile::make(flags); }

SysResult<> DirectoryNode::iterate(File& file, DirectoryEmitter& emitter) {
  const u64 start = file.position();
  const auto emit = [&](std::string_view name, u64 inode, u32 type, u64 next) {
    if (!emitter.emit(name, inode, static_cast<u8>(type >> 12), next)) return false;
    file.set_position(next);
    return true;
  };
  if (start == 0 && !emit(".", info_.inode, kDirectory, 1)) return {};
  if (start <= 1 && !emit("..", parent_inode(), kDirectory, kFirstPosition)) return {};
  for (const Entry& entry : entries(std::max(start, kFirstPosition)))
    if (!emit(entry.name, entry.inode, entry.type, entry.position + 1)) break;
  return {};
}

Path root_of(Thread* thread) { return thread != nullptr ? thread->fs().root() : MountTree::instance().root(); }

bool may_inspect(Thread* reader, const Subject& subject) {
  return reader == nullptr || may_access(*reader, *subject.thread, AccessMode::kRead, false);
}

}  // namespace hati::linux::proc
