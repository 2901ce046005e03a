// SPDX-License-Identifier: MIT
// execve(2): find the program behind scripts, load it into a new address space, then, past the point of no return, end the other threads and take
// over the new space with a new native thread.
#include "servers/linux/exec/exec.h"

#include <algorithm>
#include <cstring>

#include "servers/linux/core/services.h"
#include "servers/linux/exec/load.h"
#include "servers/linux/futex/futex.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/identity.h"
#include "servers/linux/process/schedule.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/state.h"
#include "servers/linux/time/process_timers.h"

namespace hati::linux {
namespace {

constexpr int kInterpretersMax = 5;
constexpr u32 kAtEmptyPath = 0x1000, kAtNoFollow = 0x100;
constexpr u64 kPathMax = 4096;

// ---- arguments ----

SysResult<StringList> read_strings(Thread& thread, u64 address, u64& budget) {
  StringList list;
  if (address == 0) return list;
  constexpr usize kBatch = 64;
  for (;;) {
    u64 pointers[kBatch];
    const usize got = TRY(thread.memory().read_some(address, pointers, sizeof pointers)) / sizeof(u64);
    if (got == 0) return fail(Errno::kFAULT);
    for (usize i = 0; i < got; ++i) {
      if (pointers[i] == 0) return list;
      if (budget < sizeof(u64)) return fail(Errno::kTOOBIG);
      budget -= sizeof(u64);
      const auto text = thread.memory().get_string(pointers[i], kArgumentMax);
      if (!text) return fail(text.error() == Errno::kNAMETOOLONG ? Errno::kTOOBIG : text.error());
      if (budget < text->size() + 1) return fail(Errno::kTOOBIG);
      budget -= text->size() + 1;
      list.add(*text);
    }
    address += got * sizeof(u64);
  }
}

// ---- the program behind the path ----

Task<SysResult<Ref<File>>> open_interpreter(Thread& thread, File& file, ElfSegment segment) {
  if (segment.file_bytes > kPathMax || segment.file_bytes < 2) co_return fail(Errno::kNOEXEC);
  std::string path(segment.file_bytes, 0);
  const auto got = co_await read_file(file, segment.offset, {reinterpret_cast<u8*>(path.data()), path.size()});
  if (!got || *got != path.size()) co_return fail(Errno::kIO);
  if (path.back() != 0) co_return fail(Errno::kNOEXEC);
  path.resize(std::strlen(path.c_str()));
  co_return co_await open_executable(thread, kAtFdCwd, std::move(path), 0);
}

// Follows `#!` lines; leaves the ELF file in `program.file` and the arguments changed accordingly.
Task<SysResult<>> resolve_scripts(Thread& thread, Program& program, std::string shown_path) {
  for (int depth = 0;; ++depth) {
    std::array<u8, kScriptLineMax> head{};
    const usize got = CO_TRY(co_await read_file(*program.file, 0, head));
    if (!is_script(std::span(head).first(got))) co_return {};
    const ScriptLine line = CO_TRY(parse_script(std::span(head).first(got)));
    if (depth >= kInterpretersMax) co_return fail(Errno::kLOOP);
    program.arguments.remove_first();
    program.arguments.add_front(shown_path);
    if (!line.argument.empty()) program.arguments.add_front(line.argument);
    program.arguments.add_front(line.interpreter);
    program.file = CO_TRY(co_await open_executable(thread, kAtFdCwd, line.interpreter, 0));
    shown_path = line.interpreter;
  }
}

Task<SysResult<>> find_program(Thread& thread, Program& program, i32 dirfd, std::string path, u32 flags) {
  program.file = CO_TRY(co_await open_executable(thread, dirfd, path, flags));
  program.file_name = path;
  if (dirfd != kAtFdCwd && !path.starts_with('/')) {
    program.file_name = "/dev/fd/" + std::to_string(dirfd);
    if (!path.empty()) program.file_name += "/" + path;
  }
  // Writers are refused while the kind of file is being found out, too.
  CO_TRY(deny_write(*program.file));
  const Ref<File> first = program.file;
  const SysResult<> resolved = co_await resolve_scripts(thread, program, program.file_name);
  allow_write(*first);
  if (!resolved) co_return resolved;
  auto image = co_await read_elf(*program.file);
  if (!image) co_return fail(image.error());
  program.image = *std::move(image);
  if (!program.image.interpreter) co_return {};
  program.interpreter = CO_TRY(co_await open_interpreter(thread, *program.file, *program.image.interpreter));
  auto interpreter = co_await read_elf(*program.interpreter);
  if (!interpreter) co_return fail(interpreter.error() == Errno::kNOEXEC ? Errno::kLIBBAD : interpreter.error());
  program.interpreter_image = *std::move(interpreter);
  co_return {};
}

// ---- credentials ----

struct NewIdentity {
  Ref<Credentials> credentials;
  bool changed = false;  // set-user-ID or set-group-ID took effect: AT_SECURE
};

NewIdentity identity_after(const Thread& thread, const File& file) {
  constexpr u32 kSetUid = 04000, kSetGid = 02000, kGroupExecute = 010;
  const Credentials& old = thread.cred();
  NewIdentity result{.credentials = Credentials::copy(old)};
  Credentials& fresh = *result.credentials;
  if (const auto attributes = file.attributes(); attributes && !old.no_new_privileges && mount_allows_set_id(file)) {
    const bool honoured = trace_permits_set_id(thread);
    if (honoured && (attributes->mode & kSetUid) != 0) fresh.euid = attributes->uid;
    if (honoured && (attributes->mode & (kSetGid | kGroupExecute)) == (kSetGid | kGroupExecute)) fresh.egid = attributes->gid;
  }
  fresh.suid = fresh.fsuid = fresh.euid;
  fresh.sgid = fresh.fsgid = fresh.egid;
  result.changed = fresh.euid != old.euid || fresh.egid != old.egid;
  capabilities_after_exec(fresh, result.changed);
  return result;
}

bool is_secure(const NewIdentity& identity) {
  const Credentials& c = *identity.credentials;
  return identity.changed || c.uid != c.euid || c.gid != c.egid;
}

// ---- past the point of no return ----

void start_registers(SupervisedThread& native, const LoadedProgram& loaded) {
  constexpr u64 kRflagsStart = 0x202;
  ThreadPage& page = native.page();
  page.rip = loaded.entry;
  page.rsp = loaded.stack_pointer;
  page.rflags = kRflagsStart;
  reset_extended_state(page);
}

void reset_signals(Thread& thread) {
  Process& process = thread.process();
  // Shared with a process that was made with CLONE_SIGHAND but not CLONE_THREAD: that one keeps its handlers.
  if (process.actions->reference_count() > 1) {
    Ref<SignalActions> own = process.actions->copy();
    SpinGuard guard(process.signals.lock);
    std::swap(process.actions, own);
  }
  process.actions->reset_handlers();
  thread.signals.stack = SignalStack{};
  thread.restart_error = Errno{};
  thread.restart.restart = nullptr;
}

void release_old_memory(Thread& thread) {
  exit_robust_list(thread);
  if (thread.clear_child_tid != 0 && thread.mm().users.load(std::memory_order_relaxed) > 1) {
    const u32 zero = 0;
    if (thread.memory().write(thread.clear_child_tid, &zero, sizeof zero)) futex_wake(thread.mm(), thread.clear_child_tid, 1);
  }
  thread.clear_child_tid = 0;
  thread.sequences = {};
}

void close_on_exec(Thread& thread) {
  unshare_parts(thread, false, true);
  close_files(thread, thread.files().remove_close_on_exec());
}

std::string_view base_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }

void become(Thread& thread, LoadedProgram loaded, SupervisedThread native, NewIdentity identity, const std::string& file_name) {
  Process& process = thread.process();
  release_old_memory(thread);
  start_registers(native, loaded);
  const Ref<Mm> old = ThreadReplacement::replace(thread, std::move(loaded.mm), std::move(native));
  complete_vfork(thread);
  process.timers->exec();
  reset_signals(thread);
  close_on_exec(thread);
  thread.set_comm(base_name(file_name));
  process.dumpable.store(!is_secure(identity), std::memory_order_relaxed);
  if (identity.changed) thread.parent_death_signal = 0;
  thread.set_credentials(std::move(identity.credentials));
  apply_scheduling(thread);
  SpinGuard guard(ProcessTable::lock);
  process.has_executed = true;
  process.exit_signal = kSigChld;
}

}  // namespace

Task<SysResult<>> execute(Thread& thread, i32 dirfd, std::string path, StringList arguments, StringList environment, u32 flags) {
  Program program{.file = {},
                  .interpreter = {},
                  .image = {},
                  .interpreter_image = {},
                  .file_name = {},
                  .arguments = std::move(arguments),
                  .environment = std::move(environment)};
  if (program.arguments.count() == 0) program.arguments.add("");
  CO_TRY(co_await find_program(thread, program, dirfd, std::move(path), flags));
  NewIdentity identity = identity_after(thread, *program.file);
  LoadedProgram loaded = CO_TRY(load_program(thread.process(), *identity.credentials, is_secure(identity), program));
  auto native = SupervisedThread::create(loaded.mm->space().get());
  if (!native) co_return fail(Errno::kNOMEM);
  const Tid old_tid = thread.tid();
  CO_TRY(co_await end_other_threads(thread));
  become(thread, std::move(loaded), std::move(*native), std::move(identity), program.file_name);
  co_await trace_exec(thread, old_tid);
  co_return {};
}

Task<SysResult<i64>> sys_execveat(Thread& thread, i32 dirfd, UserPtr<const char> path, u64 arguments, u64 environment, u32 flags) {
  if ((flags & ~(kAtEmptyPath | kAtNoFollow)) != 0) co_return fail(Errno::kINVAL);
  std::string name = CO_TRY(thread.memory().get_path(path));
  u64 budget = arguments_limit(thread.process().limit(kLimitStack));
  StringList argv = CO_TRY(read_strings(thread, arguments, budget));
  StringList envp = CO_TRY(read_strings(thread, environment, budget));
  CO_TRY(co_await execute(thread, dirfd, std::move(name), std::move(argv), std::move(envp), flags));
  co_return 0;
}

Task<SysResult<i64>> sys_execve(Thread& thread, UserPtr<const char> path, u64 arguments, u64 environment) {
  co_return co_await sys_execveat(thread, kAtFdCwd, path, arguments, environment, 0);
}

}  // namespace hati::linux
