// SPDX-License-Identifier: MIT
// Loading: read-only segments become Memory objects mapped without write permission ever, writable ones private anonymous memory;
// then the stack from the top down (strings, Startup, auxiliary vector, environment, arguments; psABI 3.4.1).
#include "runtime/loader.h"

#include <cstring>

#include "abi/startup.h"
#include "base/elf.h"
#include "runtime/startup.h"

namespace hati {

namespace {

constexpr Protection kReadWrite = Protection::kRead | Protection::kWrite;

Protection protection_of(const elf::ProgramHeader& segment) {
  Protection result = Protection::kNone;
  if (segment.flags & elf::kFlagRead) result |= Protection::kRead;
  if (segment.flags & elf::kFlagWrite) result |= Protection::kWrite;
  if (segment.flags & elf::kFlagExecute) result |= Protection::kExecute;
  return result;
}

Result<void> write_all(Handle target, u64 address, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const usize done = TRY(call::copy(target, address, kOwnSpace, reinterpret_cast<u64>(bytes.data()), bytes.size()));
    if (done == 0) return fail(Error::kBadAddress);
    address += done;
    bytes = bytes.subspan(done);
  }
  return {};
}

Result<void> map_segment(const Space& space, const ElfImage& image, const elf::ProgramHeader& segment, u64 bias) {
  const Protection protection = protection_of(segment);
  if (has(protection, Protection::kWrite | Protection::kExecute)) return fail(Error::kBadData);
  const u64 start = page_floor(segment.address), end = page_ceil(segment.address + segment.memory_bytes);
  const auto contents = std::as_bytes(image.segment_bytes(segment));
  const u64 lead = segment.address - start;  // of the first page, before the segment
  MapRequest request{.address = bias + start, .bytes = end - start, .protection = protection, .flags = MapFlags::kNoReplace,
                     .max_protection = static_cast<u32>(protection)};
  if (has(protection, Protection::kWrite)) {
    TRY(space.map(request));
    return write_all(space.get(), bias + segment.address, contents);
  }
  const Memory memory = TRY(Memory::create(end - start));
  TRY(write_all(memory.get(), lead, contents));
  request.memory = memory.get();
  TRY(space.map(request));
  return {};
}

Result<void> map_image(const Space& space, const ElfImage& image, u64 bias) {
  for (u32 i = 0; i < image.program_count(); ++i)
    if (const auto segment = image.program(i); segment.type == elf::kLoad && segment.memory_bytes != 0) TRY(map_segment(space, image, segment, bias));
  return {};
}

// The top of a stack, built downwards in our memory for an address in the other space.
class StackImage {
 public:
  // `top`: the address after the stack's end, page aligned.
  explicit StackImage(u64 top) : top_(top) {}

  u64 push(const void* data, usize bytes, usize alignment) {
    const usize size = (bytes_.size() + bytes + alignment - 1) / alignment * alignment;
    bytes_.resize(size);  // grows at the low end: the vector holds the stack back to front
    const u64 address = top_ - size;
    for (usize i = 0; i < bytes; ++i) bytes_[size - 1 - i] = static_cast<const std::byte*>(data)[i];
    return address;
  }
  u64 push_text(const std::string& text) { return push(text.c_str(), text.size() + 1, 1); }

  std::vector<std::byte> contents() const { return {bytes_.rbegin(), bytes_.rend()}; }

 private:
  u64 top_;
  std::vector<std::byte> bytes_;
};

struct Stack {
  u64 pointer;
  std::vector<std::byte> contents;  // from `pointer` to the top
};

Result<Stack> build_stack(const LoadRequest& request, const ElfImage& image, u64 bias, u64 top, const Startup& startup) {
  StackImage stack(top);
  std::vector<u64> words{request.arguments.size()};
  for (const auto& argument : request.arguments) words.push_back(stack.push_text(argument));
  words.push_back(0);
  for (const auto& variable : request.environment) words.push_back(stack.push_text(variable));
  words.push_back(0);
  const u64 name = request.arguments.empty() ? 0 : words[1];

  std::array<u8, 16> random{};
  TRY(call::entropy(random));
  const u64 random_at = stack.push(random.data(), random.size(), 16);
  const u64 startup_at = stack.push(&startup, sizeof(startup), 16);
  const u64 headers = image.program_headers_address();
  const std::pair<u64, u64> auxiliary[] = {
      {elf::kAuxProgramHeaders, headers != 0 ? bias + headers : 0},
      {elf::kAuxProgramEntryBytes, sizeof(elf::ProgramHeader)},
      {elf::kAuxProgramCount, image.program_count()},
      {elf::kAuxPageSize, kPageSize},
      {elf::kAuxBase, 0},
      {elf::kAuxEntry, bias + image.header().entry},
      {elf::kAuxUserId, 0}, {elf::kAuxEffectiveUserId, 0}, {elf::kAuxGroupId, 0}, {elf::kAuxEffectiveGroupId, 0},
      {elf::kAuxClockTicks, 100},
      {elf::kAuxSecure, 0},
      {elf::kAuxRandom, random_at},
      {elf::kAuxFileName, name},
      {kAuxStartup, startup_at},
      {elf::kAuxEnd, 0}};
  for (const auto& [type, value] : auxiliary) {
    words.push_back(type);
    words.push_back(value);
  }
  const u64 pointer = stack.push(words.data(), words.size() * sizeof(u64), 16);
  // push() aligns the start; the words must begin exactly there.
  return Stack{pointer, stack.contents()};
}

void add_handle(Startup& startup, std::string_view name, Handle handle) {
  StartupHandle& entry = startup.handles[startup.count++];
  std::memcpy(entry.name, name.data(), name.size());
  entry.handle = handle;
}

Result<void> give_handles(const Space& space, const LoadRequest& request, Startup& startup) {
  if (request.handles.size() + 1 > std::size(startup.handles)) return fail(Error::kTooBig);
  for (const GivenHandle& given : request.handles) {
    if (given.name.size() >= sizeof(StartupHandle::name)) return fail(Error::kInvalidArgument);
    add_handle(startup, given.name, TRY(space.give(given.handle, given.rights)));
  }
  return {};
}

// A stack whose lowest page cannot be touched. Its top.
Result<u64> map_stack(const Space& space, u64 bytes) {
  const u64 total = page_ceil(bytes) + kPageSize;
  const u64 address = TRY(space.map({.bytes = total, .protection = kReadWrite, .max_protection = static_cast<u32>(kReadWrite)}));
  TRY(space.protect(address, kPageSize, Protection::kNone));
  return address + total;
}

Result<LoadedProcess> fill_process(Space space, const LoadRequest& request, const ElfImage& image) {
  const u64 bias = kServerBase - image.first_address();
  TRY(map_image(space, image, bias));
  const u64 top = TRY(map_stack(space, request.stack_bytes));

  Startup startup{};
  TRY(give_handles(space, request, startup));
  // The thread's own handle is the last entry; its number is known only once the thread exists, which needs the stack pointer.
  add_handle(startup, kStartupThread, kNoHandle);
  const u64 pointer = TRY(build_stack(request, image, bias, top, startup)).pointer;
  ThreadRequest thread_request{.entry = bias + image.header().entry, .stack = pointer, .argument = 0, .priority = request.priority};
  ThreadHandle thread = TRY(ThreadHandle::create(space.get(), thread_request));
  startup.handles[startup.count - 1].handle = TRY(space.give(thread.get(), Rights::kManage | Rights::kInspect));
  const Stack stack = TRY(build_stack(request, image, bias, top, startup));
  TRY(write_all(space.get(), stack.pointer, stack.contents));
  TRY(thread.start());
  return LoadedProcess{std::move(space), std::move(thread), bias};
}

}  // namespace

Result<LoadedProcess> start_process(const LoadRequest& request) {
  const ElfImage image = TRY(ElfImage::parse({reinterpret_cast<const u8*>(request.image.data()), request.image.size()}));
  if (!image.position_independent() || image.find(elf::kInterp)) return fail(Error::kBadData);
  if (image.end_address() - image.first_address() > kServerEnd - kServerBase) return fail(Error::kBadData);
  Space space = TRY(Space::create(request.flags));
  // The process ends with its last handle, so a failure leaves nothing.
  return fill_process(std::move(space), request, image);
}

}  // namespace hati
