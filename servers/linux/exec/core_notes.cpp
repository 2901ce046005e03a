// SPDX-License-Identifier: MIT
// The notes of a core file (elf(5), Linux's fs/binfmt_elf.c): registers of all threads, the one that took the signal first, and facts about the process.
#include <algorithm>
#include <cstring>

#include "servers/linux/exec/core_image.h"
#include "servers/linux/ptrace/registers.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {
namespace {

// struct elf_prstatus, struct elf_prpsinfo.
struct PrStatus {
  i32 signal, code, error;
  i16 current_signal, pad;
  u64 pending, held;
  i32 pid, parent, group, session;
  u64 user_time[2], system_time[2], children_user_time[2], children_system_time[2];
  UserRegisters registers;
  i32 fp_valid, pad2;
};
static_assert(sizeof(PrStatus) == 336);
struct PrPsInfo {
  char state, letter, zombie, nice;
  u32 pad;
  u64 flags;
  u32 uid, gid;
  i32 pid, parent, group, session;
  char name[16], arguments[80];
};
static_assert(sizeof(PrPsInfo) == 136);

struct Ids {
  i32 parent = 0, group = 0, session = 0;
};
Ids ids_of(const Process& process) {
  SpinGuard guard(ProcessTable::lock);
  return {process.parent_pid(), process.group_id(), process.session_id()};
}

class NoteWriter {
 public:
  void add(NoteType type, const void* data, usize bytes) {
    const char* name = type == kNoteXState ? "LINUX" : "CORE";
    const u32 header[3] = {static_cast<u32>(std::strlen(name) + 1), static_cast<u32>(bytes), type};
    append(header, sizeof header);
    append(name, header[0]);
    append(data, bytes);
  }
  std::vector<u8> take() { return std::move(bytes_); }

 private:
  void append(const void* data, usize bytes) {
    const auto* from = static_cast<const u8*>(data);
    bytes_.insert(bytes_.end(), from, from + bytes);
    bytes_.resize((bytes_.size() + 3) & ~usize{3});
  }
  std::vector<u8> bytes_;
};

void add_status(NoteWriter& notes, Thread& thread, const Ids& ids, i32 signal) {
  constexpr u64 kNsPerSecond = 1'000'000'000, kNsPerMicrosecond = 1000;
  PrStatus status{};
  status.signal = signal;
  status.current_signal = static_cast<i16>(signal);
  {
    SpinGuard guard(thread.process().signals.lock);
    status.pending = thread.signals.pending.set();
  }
  status.held = thread.signals.mask.load(std::memory_order_relaxed);
  status.pid = thread.tid();
  status.parent = ids.parent;
  status.group = ids.group;
  status.session = ids.session;
  const u64 time = thread.cpu_time().user_ns;
  status.user_time[0] = time / kNsPerSecond;
  status.user_time[1] = time % kNsPerSecond / kNsPerMicrosecond;
  status.registers = get_registers(thread);
  status.fp_valid = 1;
  notes.add(kNotePrStatus, &status, sizeof status);
}

void add_fp(NoteWriter& notes, Thread& thread) {
  if (const auto fp = get_fp_registers(thread)) notes.add(kNoteFpRegSet, fp->data(), fp->size());
  if (thread.page().extended_size <= kFpRegistersSize) return;
  if (const auto state = get_extended_state(thread)) notes.add(kNoteXState, state->data(), state->size());
}

void add_process_info(NoteWriter& notes, Thread& thread, const Ids& ids) {
  PrPsInfo info{};
  info.letter = 'R';
  info.uid = thread.cred().uid;
  info.gid = thread.cred().gid;
  info.pid = thread.process().pid;
  info.parent = ids.parent;
  info.group = ids.group;
  info.session = ids.session;
  {
    SpinGuard guard(thread.lock());
    info.nice = static_cast<char>(thread.scheduling.nice);
  }
  thread.comm().copy(info.name, sizeof info.name - 1);
  Mm::Layout layout;
  {
    SpinGuard guard(thread.mm().brk_lock);
    layout = thread.mm().layout;
  }
  const usize bytes = std::min<u64>(layout.arguments_end - layout.arguments_start, sizeof info.arguments - 1);
  const auto got = thread.memory().read_some(layout.arguments_start, info.arguments, bytes);
  for (usize i = 0; i < got.value_or(0); ++i)
    if (info.arguments[i] == 0) info.arguments[i] = ' ';
  notes.add(kNotePrPsInfo, &info, sizeof info);
}

// Which files are mapped where.
void add_files(NoteWriter& notes, const Thread& thread, const std::vector<MappingDescription>& mappings) {
  std::vector<u64> words{0, kPageSize};
  std::string names;
  const Path root = thread.fs().root();
  for (const MappingDescription& mapping : mappings) {
    if (!mapping.file) continue;
    ++words[0];
    words.insert(words.end(), {mapping.info.address, mapping.info.address + mapping.info.bytes, mapping.info.offset / kPageSize});
    names += file_text(*mapping.file, root);
    names.push_back(0);
  }
  if (words[0] == 0) return;
  std::vector<u8> bytes(words.size() * sizeof(u64) + names.size());
  std::memcpy(bytes.data(), words.data(), words.size() * sizeof(u64));
  std::memcpy(bytes.data() + words.size() * sizeof(u64), names.data(), names.size());
  notes.add(kNoteFile, bytes.data(), bytes.size());
}

}  // namespace

SysResult<std::vector<u8>> core_notes(Thread& dumper, const SignalInfo& signal, const std::vector<MappingDescription>& mappings) {
  NoteWriter notes;
  const Ids ids = ids_of(dumper.process());
  add_status(notes, dumper, ids, signal.signal);
  add_process_info(notes, dumper, ids);
  notes.add(kNoteSigInfo, &signal, sizeof signal);
  notes.add(kNoteAuxv, dumper.mm().auxiliary.data(), dumper.mm().auxiliary.size() * sizeof(u64));
  add_files(notes, dumper, mappings);
  add_fp(notes, dumper);
  for (const Ref<Thread>& thread : dumper.process().get_threads()) {
    // Those that were about to end anyway have let go of their registers.
    if (thread.get() == &dumper || !thread->signals.waits_for_core) continue;
    add_status(notes, *thread, ids, signal.signal);
    add_fp(notes, *thread);
  }
  return notes.take();
}

}  // namespace hati::linux
