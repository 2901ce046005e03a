// SPDX-License-Identifier: MIT
#include "kernel/memory/elf_loader.h"

#include <algorithm>
#include <cstring>

#include "base/elf.h"
#include "kernel/memory/heap.h"

namespace hati {

namespace {

constexpr usize kStackDataMax = 32 * 1024;
constexpr u32 kEverything = 7;  // all Protection bits

Protection protection_of(u32 flags) {
  Protection result = Protection::kNone;
  if ((flags & elf::kFlagRead) != 0) result |= Protection::kRead;
  if ((flags & elf::kFlagWrite) != 0) result |= Protection::kWrite;
  if ((flags & elf::kFlagExecute) != 0) result |= Protection::kExecute;
  return result;
}

Result<> map_fresh(AddressSpace& space, u64 start, u64 end, MapFlags flags) {
  const MapRequest request{.address = start,
                           .bytes = end - start,
                           .protection = Protection::kRead | Protection::kWrite,
                           .flags = MapFlags::kNoReplace | flags,
                           .memory = kNoHandle,
                           .max_protection = kEverything,
                           .offset = 0,
                           .tag = 0,
                           .search_top = 0,
                           .grow_limit = 0};
  TRY(space.map(request));
  return {};
}

Result<> load_segment(AddressSpace& space, const ElfImage& image, const elf::ProgramHeader& segment, u64 bias) {
  const u64 start = bias + segment.address;
  const auto bytes = image.segment_bytes(segment);
  if (bytes.size() != segment.file_bytes) return fail(Error::kBadData);
  TRY(map_fresh(space, page_floor(start), page_ceil(start + segment.memory_bytes), MapFlags::kNone));
  for (usize done = 0; done < bytes.size();) {
    const usize part = std::min<usize>(bytes.size() - done, AddressSpace::kCopyBytesMax);
    TRY(space.copy_out(start + done, bytes.data() + done, part));
    done += part;
  }
  const u64 first = page_floor(start);
  return space.protect(first, page_ceil(start + segment.memory_bytes) - first, protection_of(segment.flags));
}

// Builds the stack's contents from the top down in a buffer whose last byte is the one below `top`.
class StackWriter {
 public:
  StackWriter(KernelBuffer buffer, u64 top) : buffer_(std::move(buffer)), top_(top), used_(0) {}

  Result<u64> push(const void* data, usize bytes, usize alignment) {
    if (bytes > buffer_.size() - used_) return fail(Error::kTooBig);
    usize used = used_ + bytes;
    used = (used + alignment - 1) / alignment * alignment;
    if (used > buffer_.size()) return fail(Error::kTooBig);
    used_ = used;
    if (bytes != 0) std::memcpy(buffer_.data() + buffer_.size() - used_, data, bytes);
    return top_ - used_;
  }
  Result<u64> push_text(std::string_view text) {
    TRY(push("", 1, 1));
    return push(text.data(), text.size(), 1);
  }
  Result<u64> push_word(u64 word) { return push(&word, sizeof word, sizeof word); }

  std::span<const u8> bytes() const { return {buffer_.data() + buffer_.size() - used_, used_}; }
  usize used() const { return used_; }

 private:
  KernelBuffer buffer_;
  u64 top_;
  usize used_;
};

// Words in memory order; `count` first.
class WordList {
 public:
  static constexpr usize kWordsMax = 256;
  Result<> add(u64 word) {
    if (count_ == kWordsMax) return fail(Error::kTooBig);
    words_[count_++] = word;
    return {};
  }
  Result<> add(u64 type, u64 value) {
    TRY(add(type));
    return add(value);
  }
  const u64* data() const { return words_; }
  usize count() const { return count_; }

 private:
  u64 words_[kWordsMax];
  usize count_ = 0;
};

Result<> add_auxiliary(WordList& words, const LoadedProgram& program, const InitialStack& stack, u64 startup, u64 random, u64 name) {
  TRY(words.add(elf::kAuxProgramHeaders, program.program_headers));
  TRY(words.add(elf::kAuxProgramEntryBytes, sizeof(elf::ProgramHeader)));
  TRY(words.add(elf::kAuxProgramCount, program.program_count));
  TRY(words.add(elf::kAuxPageSize, kPageSize));
  TRY(words.add(elf::kAuxEntry, program.entry));
  TRY(words.add(elf::kAuxBase, 0));
  TRY(words.add(elf::kAuxUserId, 0));
  TRY(words.add(elf::kAuxEffectiveUserId, 0));
  TRY(words.add(elf::kAuxGroupId, 0));
  TRY(words.add(elf::kAuxEffectiveGroupId, 0));
  TRY(words.add(elf::kAuxHardware, stack.hardware));
  TRY(words.add(elf::kAuxHardware2, stack.hardware2));
  TRY(words.add(elf::kAuxSecure, 0));
  TRY(words.add(elf::kAuxRandom, random));
  TRY(words.add(elf::kAuxFileName, name));
  TRY(words.add(kAuxStartup, startup));
  return words.add(elf::kAuxEnd, 0);
}

}  // namespace

Result<LoadedProgram> load_program(AddressSpace& space, std::span<const u8> bytes, u64 base) {
  const ElfImage image = TRY(ElfImage::parse(bytes));
  if (image.find(elf::kInterp)) return fail(Error::kBadData);
  const u64 bias = image.position_independent() ? base - image.first_address() : 0;
  const u64 start = bias + image.first_address(), size = image.end_address() - image.first_address();
  if (!page_aligned(base) || start < space.first_address() || start >= space.end_address() || size > space.end_address() - start)
    return fail(Error::kInvalidArgument);
  for (u32 i = 0; i < image.program_count(); ++i) {
    const auto segment = image.program(i);
    if (segment.type == elf::kLoad && segment.memory_bytes != 0) TRY(load_segment(space, image, segment, bias));
  }
  const u64 headers = image.program_headers_address();
  return LoadedProgram{.entry = bias + image.header().entry,
                       .program_headers = headers == 0 ? 0 : bias + headers,
                       .program_count = image.program_count(),
                       .end = bias + image.end_address()};
}

Result<u64> build_stack(AddressSpace& space, const LoadedProgram& program, const InitialStack& stack) {
  if (!page_aligned(stack.top) || stack.bytes < kStackDataMax * 2 || stack.handles.size() > std::size(Startup{}.handles))
    return fail(Error::kInvalidArgument);
  TRY(map_fresh(space, stack.top - page_ceil(stack.bytes), stack.top, MapFlags::kNone));
  StackWriter writer(TRY(KernelBuffer::allocate(kStackDataMax)), stack.top);

  Startup startup{};
  startup.count = static_cast<u32>(stack.handles.size());
  std::ranges::copy(stack.handles, startup.handles);
  const u64 startup_address = TRY(writer.push(&startup, sizeof startup, 16));
  const u64 random = TRY(writer.push(stack.random, sizeof stack.random, 16));
  u64 name = 0;

  WordList words;
  TRY(words.add(stack.arguments.size()));
  for (const std::string_view text : stack.arguments) {
    const u64 address = TRY(writer.push_text(text));
    TRY(words.add(address));
    if (name == 0) name = address;
  }
  TRY(words.add(0));
  for (const std::string_view text : stack.environment) {
    const u64 address = TRY(writer.push_text(text));
    TRY(words.add(address));
  }
  TRY(words.add(0));
  TRY(add_auxiliary(words, program, stack, startup_address, random, name));

  // The words begin at the final stack pointer, which is a multiple of 16.
  const u64 pointer = TRY(writer.push(words.data(), words.count() * sizeof(u64), 16));
  const auto bytes = writer.bytes();
  TRY(space.copy_out(pointer, bytes.data(), bytes.size()));
  return pointer;
}

}  // namespace hati
