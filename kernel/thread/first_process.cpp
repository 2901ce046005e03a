// SPDX-License-Identifier: MIT
// servers/init: found in the initial ram disk, loaded by the kernel, given the handles of abi/startup.h. All else is its business.
#include "abi/startup.h"
#include "base/cpio.h"
#include "kernel/arch/arch.h"
#include "kernel/boot/boot_info.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/ipc/port_range.h"
#include "kernel/memory/elf_loader.h"
#include "kernel/thread/process.h"
#include "kernel/thread/system_statistics.h"
#include "kernel/thread/thread.h"

namespace hati {

namespace {

constexpr char kInitPath[] = ".hati/init";
constexpr u64 kProgramOffset = u64{1} << 30;  // above kServerBase
constexpr u64 kStackBytes = u64{1} << 20;
constexpr u64 kStackGap = u64{1} << 20;       // below kServerEnd
constexpr u64 kRandomPages = u64{1} << 16;    // by which program and stack are shifted

constinit std::span<const PhysRange> ram;

std::span<const u8> initrd_of(const BootInfo& boot) {
  return {phys_to_virt<const u8>(PhysAddr{boot.initrd.begin + boot.initrd_offset}), boot.initrd_bytes};
}

Result<StartupHandle> give(Process& process, const char* name, Ref<Object> object, Rights rights) {
  StartupHandle entry{};
  std::string_view text{name};
  text.copy(entry.name, sizeof entry.name - 1);
  entry.handle = TRY(process.handles().insert(HandleValue(std::move(object), rights)));
  return entry;
}

// As loaded if that is page aligned, else a copy.
Result<Ref<Memory>> boot_image(Process& process, const BootInfo& boot) {
  if (boot.initrd_offset == 0)
    return Memory::create_physical(process.quota(), PhysAddr{boot.initrd.begin}, page_ceil(boot.initrd_bytes), CacheMode::kWriteBack);
  auto memory = TRY(Memory::create(process.quota(), boot.initrd_bytes));
  TRY(memory->write(0, initrd_of(boot).data(), boot.initrd_bytes));
  return memory;
}

template <class T>
Result<Ref<Memory>> page_with(Process& process, const T* data, u64 bytes) {
  auto memory = TRY(Memory::create(process.quota(), kPageSize));
  TRY(memory->write(0, data, std::min(bytes, kPageSize - 1)));  // text stays zero-terminated
  return memory;
}

constexpr char kStartupThread[] = "thread";

Result<std::array<StartupHandle, 5>> give_handles(Process& process, Thread& thread, const BootInfo& boot) {
  constexpr Rights kReadOnly = Rights::kDuplicate | Rights::kTransfer | Rights::kInspect | Rights::kRead | Rights::kMap;
  ClockPage clock{};
  arch::fill_clock_page(clock);
  Ref<Object> resource = TRY(Resource::create());
  Ref<Object> image = TRY(boot_image(process, boot));
  Ref<Object> text = TRY(page_with(process, boot.command_line_text.data(), boot.command_line_text.size()));
  Ref<Object> clock_page = TRY(page_with(process, &clock, sizeof clock));
  return std::array{
      TRY(give(process, kStartupResource, std::move(resource), Rights::kAll)),
      TRY(give(process, kStartupBootImage, std::move(image), kReadOnly)),
      TRY(give(process, kStartupCommandLine, std::move(text), kReadOnly)),
      TRY(give(process, kStartupClock, std::move(clock_page), kReadOnly)),
      TRY(give(process, kStartupThread, Ref<Object>(thread), Rights::kAll)),
  };
}

Result<Ref<Thread>> make_first_thread(const BootInfo& boot) {
  const CpioEntry file = TRY(cpio_find(initrd_of(boot), kInitPath));
  const Ref<Process> process = TRY(Process::create(SpaceFlags::kNone, nullptr));
  process->add_handle();  // never closed: it ends when its threads do
  process->set_essential();
  const u64 base = kServerBase + kProgramOffset + arch::entropy() % kRandomPages * kPageSize;
  const LoadedProgram program = TRY(load_program(*process, file.data, base));
  ThreadRequest request{};
  request.entry = program.entry;
  request.priority = kPriorityDriver;
  const Ref<Thread> thread = TRY(Thread::create(*process, request, nullptr));
  const auto handles = TRY(give_handles(*process, *thread, boot));
  const std::array<std::string_view, 1> arguments = {"init"};
  InitialStack stack{};
  stack.top = kServerEnd - kStackGap - arch::entropy() % kRandomPages * kPageSize;
  stack.bytes = kStackBytes;
  stack.arguments = arguments;
  stack.handles = handles;
  for (u64 half : {0, 8}) {
    const u64 random = arch::entropy();
    std::memcpy(stack.random + half, &random, sizeof random);
  }
  thread->page->rsp = TRY(build_stack(*process, program, stack));
  return thread;
}

}  // namespace

bool overlaps_ram(u64 address, u64 bytes) {
  for (const PhysRange& range : ram)
    if (address < range.end && range.begin < address + bytes) return true;
  return false;
}

void start_first_process(BootInfo& boot) {
  ram = boot.memory.ram();
  {
    const auto thread = make_first_thread(boot);
    if (!thread) panic("cannot start {} of the initial ram disk: {}", kInitPath, error_name(thread.error()));
    const auto started = (*thread)->start();
    HATI_ASSERT(started);
  }
  log(LogLevel::kInfo, "init started, {} processors", cpu_count());
  arch::enter_scheduler(this_cpu());
}

}  // namespace hati
