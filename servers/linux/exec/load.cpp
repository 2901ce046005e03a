// SPDX-License-Identifier: MIT
// Loading of ELF programs (exec/load.h): the layout follows arch/x86/mm/mmap.c and fs/binfmt_elf.c, randomised the same way.
#include "servers/linux/exec/load.h"

#include <algorithm>

#include "abi/linux/memory.h"
#include "servers/linux/core/services.h"
#include "servers/linux/file/io.h"
#include "servers/linux/memory/map.h"
#include "servers/linux/process/limits.h"
#include "servers/linux/process/random.h"
#include "servers/linux/signal/state.h"

namespace hati::linux {
namespace {

constexpr u32 kNoRandomize = 0x0040000;       // ADDR_NO_RANDOMIZE of personality(2)
constexpr u64 kPieBase = 0x555555554000;      // two thirds of the address space
constexpr u64 kStackRandomPages = u64{1} << 22, kMmapRandomPages = u64{1} << 28, kBrkRandom = 0x02000000;
constexpr u64 kGapMin = u64{128} << 20, kStackGuard = u64{1} << 20;
constexpr u64 kStackInitial = 132 * 1024;
constexpr u32 kAllProtection = 7;

class Randomness {
 public:
  explicit Randomness(const Process& process) : on_((process.personality.load(std::memory_order_relaxed) & kNoRandomize) == 0) {}
  // In [0, count).
  u64 below(u64 count) const { return on_ ? random_u64() % count : 0; }

 private:
  bool on_;
};

Protection segment_protection(u32 flags) {
  return to_protection(((flags & kElfRead) != 0 ? kProtRead : 0) | ((flags & kElfWrite) != 0 ? kProtWrite : 0) |
                       ((flags & kElfExecute) != 0 ? kProtExecute : 0));
}

SysResult<> map_segment(Mm& mm, File& file, const ElfSegment& s, u64 bias) {
  const u64 start = page_floor(bias + s.address);
  const u64 file_end = bias + s.address + s.file_bytes;
  const u64 mapped_end = s.file_bytes == 0 ? start : page_ceil(file_end);
  const u64 end = page_ceil(bias + s.address + s.memory_bytes);
  MapRequest request{};
  request.protection = segment_protection(s.flags);
  request.max_protection = kAllProtection;
  request.flags = MapFlags::kFixed;
  if (mapped_end > start) {
    request.address = start;
    request.bytes = mapped_end - start;
    request.offset = page_floor(s.offset);
    TRY(map_file(mm, file, request, false));
    // The rest of the last page belongs to .bss; where the segment cannot be written Linux leaves it alone, too.
    if (s.memory_bytes > s.file_bytes && mapped_end > file_end) {
      const SysResult<> cleared = mm.memory().zero(file_end, mapped_end - file_end);
      if (!cleared && (s.flags & kElfWrite) != 0) return cleared;
    }
  }
  if (end > mapped_end) {
    request.address = mapped_end;
    request.bytes = end - mapped_end;
    request.offset = 0;
    TRY(map_anonymous(mm, request));
  }
  return {};
}

// A free place for a position-independent image.
SysResult<u64> find_place(Mm& mm, const ElfImage& image) {
  MapRequest request{};
  request.bytes = image.last - image.first + image.alignment - kPageSize;
  request.max_protection = kAllProtection;
  request.search_top = mm.layout.mmap_top;
  const u64 place = TRY(map_anonymous(mm, request));
  TRY(from_native(mm.space().unmap(place, request.bytes)));
  return (place + image.alignment - 1) & ~(image.alignment - 1);
}

SysResult<u64> map_image(Mm& mm, File& file, const ElfImage& image, u64 wanted) {
  u64 bias = 0;
  if (image.position_independent) {
    const u64 place = wanted != 0 ? wanted & ~(image.alignment - 1) : TRY(find_place(mm, image));
    bias = place - image.first;
  } else if (image.first < kMinimumMapAddress) {
    return fail(Errno::kPERM);
  }
  for (const ElfSegment& s : image.segments)
    if (s.type == kElfLoad) TRY(map_segment(mm, file, s, bias));
  return bias;
}

bool has_fsgsbase() {
  static const bool present = [] {
    SystemInfo info{};
    return call::system_info(info) && info.has_fsgsbase != 0;
  }();
  return present;
}

struct Places {
  u64 stack_top;
};

// Stack at the top, below it the room it may grow into, below that mmap's area.
Places lay_out(Mm& mm, u64 stack_limit, const Randomness& random) {
  const u64 top = kProgramEnd - kPageSize - random.below(kStackRandomPages) * kPageSize;
  const u64 most = kProgramEnd / 6 * 5;
  const u64 gap = std::clamp(stack_limit > most ? most : stack_limit + kStackGuard, kGapMin, most);
  mm.layout.mmap_top = page_floor(kProgramEnd - kStackRandomPages * kPageSize - gap - random.below(kMmapRandomPages) * kPageSize);
  return {top};
}

std::vector<std::array<u64, 2>> auxiliary_vector(const Credentials& c, bool secure, const Program& program, u64 bias, u64 interpreter_bias,
                                                 u64 vdso) {
  u32 a = 1, b, count = 0, features;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(count), "=d"(features));
  constexpr u64 kFsgsbase = 2;
  std::vector<std::array<u64, 2>> list;
  if (vdso != 0) list.push_back({kAuxSysinfoEhdr, vdso});
  list.push_back({kAuxMinSignalStack, signal_frame_bytes()});
  list.push_back({kAuxHwcap, features});
  list.push_back({kAuxPageSize, kPageSize});
  list.push_back({kAuxClockTick, 100});
  list.push_back({kAuxPhdr, program.image.headers_address != 0 ? program.image.headers_address + bias : 0});
  list.push_back({kAuxPhent, sizeof(ElfSegment)});
  list.push_back({kAuxPhnum, program.image.segments.size()});
  list.push_back({kAuxBase, interpreter_bias});
  list.push_back({kAuxFlags, 0});
  list.push_back({kAuxEntry, program.image.entry + bias});
  list.push_back({kAuxUid, c.uid});
  list.push_back({kAuxEuid, c.euid});
  list.push_back({kAuxGid, c.gid});
  list.push_back({kAuxEgid, c.egid});
  list.push_back({kAuxSecure, secure ? 1u : 0u});
  list.push_back({kAuxRandom, 0});
  list.push_back({kAuxHwcap2, has_fsgsbase() ? kFsgsbase : 0});
  list.push_back({kAuxExecFilename, 0});
  list.push_back({kAuxPlatform, 0});
  return list;
}

SysResult<u64> map_stack(Mm& mm, const Program& program, StackInput input, u64 top, u64 stack_limit) {
  const StackImage image = build_stack(input, top);
  MapRequest request{};
  request.bytes = page_ceil(image.bytes.size() + kStackInitial);
  request.address = top - request.bytes;
  request.protection = Protection::kRead | Protection::kWrite;
  if (program.image.executable_stack) request.protection |= Protection::kExecute;
  request.max_protection = kAllProtection;
  request.flags = MapFlags::kFixed | MapFlags::kGrowsDown;
  request.tag = kTagStack;
  request.grow_limit = std::max(request.bytes, page_floor(std::min(stack_limit, kProgramEnd / 6 * 5)));
  TRY(map_anonymous(mm, request));
  TRY(mm.memory().write(image.pointer, image.bytes.data(), image.bytes.size()));
  Mm::Layout& layout = mm.layout;
  layout.stack_start = image.pointer;
  layout.arguments_start = image.arguments_start;
  layout.arguments_end = image.arguments_end;
  layout.environment_start = image.environment_start;
  layout.environment_end = image.environment_end;
  mm.auxiliary = image.auxiliary;
  return image.pointer;
}

}  // namespace

Task<SysResult<usize>> read_file(File& file, u64 offset, std::span<u8> to) {
  usize done = 0;
  while (done < to.size()) {
    IoBuffer buffer(to.subspan(done));
    const usize got = CO_TRY(co_await read_file_at(nullptr, file, buffer, offset + done));
    if (got == 0) break;
    done += got;
  }
  co_return done;
}

Task<SysResult<ElfImage>> read_elf(File& file) {
  std::array<u8, sizeof(ElfHeader)> head{};
  const usize got = CO_TRY(co_await read_file(file, 0, head));
  const FileRange range = CO_TRY(elf_headers_range(std::span(head).first(got)));
  std::vector<u8> headers(range.bytes);
  const auto read = co_await read_file(file, range.offset, headers);
  if (!read || *read != range.bytes) co_return fail(Errno::kNOEXEC);
  co_return parse_elf(head, headers, kProgramEnd);
}

SysResult<LoadedProgram> load_program(const Process& process, const Credentials& credentials, bool secure, const Program& program) {
  LoadedProgram loaded{.mm = TRY(Mm::create())};
  Mm& mm = *loaded.mm;
  TRY(deny_write(*program.file));
  mm.executable = program.file;
  const Randomness random(process);
  const u64 stack_limit = process.limit(kLimitStack);
  const Places places = lay_out(mm, stack_limit, random);

  const ElfImage& image = program.image;
  const u64 wanted = program.interpreter ? kPieBase + random.below(kMmapRandomPages) * kPageSize : 0;
  const u64 bias = TRY(map_image(mm, *program.file, image, wanted));
  u64 interpreter_bias = 0;
  loaded.entry = image.entry + bias;
  if (program.interpreter) {
    interpreter_bias = TRY(map_image(mm, *program.interpreter, program.interpreter_image, 0));
    loaded.entry = program.interpreter_image.entry + interpreter_bias;
  }
  if (loaded.entry >= kProgramEnd) return fail(Errno::kINVAL);

  Mm::Layout& layout = mm.layout;
  layout.code_start = image.code_start + bias;
  layout.code_end = image.code_end + bias;
  layout.data_start = image.data_start + bias;
  layout.data_end = image.data_end + bias;
  const u64 brk_base = image.position_independent && !program.interpreter ? kPieBase : image.last + bias;
  layout.brk_start = layout.brk = brk_base + page_floor(random.below(kBrkRandom));
  layout.vdso = TRY(map_vdso(mm));

  StackInput input{.file_name = program.file_name,
                   .arguments = &program.arguments,
                   .environment = &program.environment,
                   .random = {},
                   .skew = random.below(512) * 16,
                   .auxiliary = auxiliary_vector(credentials, secure, program, bias, interpreter_bias, layout.vdso)};
  fill_random(input.random);
  loaded.stack_pointer = TRY(map_stack(mm, program, std::move(input), places.stack_top, stack_limit));
  apply_memory_limits(process, mm);
  return loaded;
}

}  // namespace hati::linux
