// SPDX-License-Identifier: MIT
// /proc/PID/stat, statm and status (proc(5)).
#include <algorithm>

#include "runtime/call.h"
#include "servers/linux/core/world.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/fs/procfs/node.h"
#include "servers/linux/tty/terminal.h"

namespace hati::linux::proc {

namespace {

constexpr u64 kTick = 10'000'000;

// Everything that the three files tell, collected once.
struct Snapshot {
  Pid tracer = 0;
  Pid parent = 0, group = 0, session = 0, foreground = -1;
  u64 terminal = 0;
  std::vector<Ref<Thread>> threads;
  Ref<Mm> mm;
  SpaceInfo space{};
  Mm::Layout layout;
  char state = 'Z';
  Usage usage, children;
  i32 exit_signal = 0;
  SignalSet pending = 0, shared_pending = 0, blocked = 0, ignored = 0, caught = 0;
  usize queued = 0;
};

void collect_signals(const Subject& subject, Snapshot& snapshot) {
  Process& process = *subject.process;
  {
    SpinGuard guard(process.signals.lock);
    snapshot.pending = subject.thread->signals.pending.set();
    snapshot.shared_pending = process.signals.pending.set();
    snapshot.queued = process.signals.pending.queued();
  }
  snapshot.blocked = subject.thread->signals.mask;
  if (process.actions) {
    snapshot.ignored = process.actions->ignored();
    snapshot.caught = process.actions->caught();
  }
}

Snapshot collect(const Subject& subject) {
  Snapshot snapshot;
  Process& process = *subject.process;
  {
    SpinGuard guard(process.world.processes().lock);
    snapshot.parent = process.parent_pid();
    if (const Thread* tracer = subject.thread->trace.tracer) snapshot.tracer = tracer->tid();
    snapshot.group = process.group_id();
    snapshot.session = process.session_id();
    snapshot.exit_signal = process.exit_signal;
    snapshot.children = process.dead_children;
    if (process.state == Process::State::kAlive) snapshot.state = '?';
  }
  snapshot.threads = process.get_threads();
  if (snapshot.state == '?') snapshot.state = subject.thread->state_letter();
  if (const Ref<Session> session = process.get_session()) {
    if (const Ref<Terminal> terminal = Terminal::of(*session)) {
      snapshot.terminal = terminal->device();
      snapshot.foreground = terminal->foreground_id();
    }
  }
  snapshot.mm = subject.thread->get_mm();
  if (snapshot.mm) {
    (void)call::space_info(snapshot.mm->space().get(), snapshot.space);
    SpinGuard guard(snapshot.mm->brk_lock);
    snapshot.layout = snapshot.mm->layout;
  }
  snapshot.usage = process.usage();
  if (!subject.whole) {
    const auto time = subject.thread->cpu_time();
    snapshot.usage.user_ns = time.user_ns;
    snapshot.usage.system_ns = time.system_ns;
  }
  collect_signals(subject, snapshot);
  return snapshot;
}

const char* state_name(char letter) {
  switch (letter) {
    case 'R': return "R (running)";
    case 'S': return "S (sleeping)";
    case 'D': return "D (disk sleep)";
    case 'T': return "T (stopped)";
    case 't': return "t (tracing stop)";
    case 'Z': return "Z (zombie)";
    default: return "X (dead)";
  }
}

void id_lines(Text& text, const Subject& subject, const Snapshot& snapshot) {
  const Ref<const Credentials> cred = subject.thread->credentials();
  const Ref<FdTable> files = subject.thread->get_files();
  const Ref<FsContext> fs = subject.thread->get_fs();
  const Tid tid = subject.whole ? subject.process->pid : subject.thread->tid();
  text.print("Name:\t{}\n", std::string_view(subject.thread->comm()));
  if (fs) text.print("Umask:\t0{}{}{}\n", fs->umask() >> 6 & 7, fs->umask() >> 3 & 7, fs->umask() & 7);
  text.print("State:\t{}\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t{}\n", std::string_view(state_name(snapshot.state)),
             subject.process->pid, tid, snapshot.parent, snapshot.tracer);
  text.print("Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\n", cred->uid, cred->euid, cred->suid, cred->fsuid, cred->gid, cred->egid, cred->sgid, cred->fsgid);
  text.print("FDSize:\t{}\nGroups:\t", files ? files->slot_count() : 0);
  for (u32 group : cred->groups) text.print("{} ", group);
  text.print("\nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", subject.process->pid, tid, snapshot.group, snapshot.session);
}

void memory_lines(Text& text, const Snapshot& snapshot) {
  const SpaceInfo& space = snapshot.space;
  const Mm::Layout& layout = snapshot.layout;
  const auto line = [&](const char* name, u64 bytes) { text.print("{}\t{:>8} kB\n", std::string_view(name), bytes / 1024); };
  line("VmPeak:", space.virtual_bytes);
  line("VmSize:", space.virtual_bytes);
  line("VmLck:", snapshot.mm->locked_bytes);
  line("VmPin:", 0);
  line("VmHWM:", std::max(space.peak_resident_bytes, space.resident_bytes));
  line("VmRSS:", space.resident_bytes);
  line("RssAnon:", space.private_bytes);
  line("RssFile:", space.resident_bytes - std::min(space.resident_bytes, space.private_bytes));
  line("RssShmem:", 0);
  line("VmData:", layout.data_end - layout.data_start + layout.brk - layout.brk_start);
  line("VmStk:", 132 * 1024);
  line("VmExe:", layout.code_end - layout.code_start);
  line("VmLib:", 0);
  line("VmPTE:", space.page_table_bytes);
  line("VmSwap:", 0);
}

void mask_lines(Text& text, u64 mask, u32 cpus) {
  const u64 present = cpus >= 64 ? ~u64{0} : (u64{1} << cpus) - 1;
  const u64 allowed = mask & present;
  text.print("Cpus_allowed:\t{:x}\nCpus_allowed_list:\t", allowed);
  bool first = true;
  for (u32 cpu = 0; cpu < 64; ++cpu) {
    if ((allowed >> cpu & 1) == 0) continue;
    u32 end = cpu;
    while (end + 1 < 64 && (allowed >> (end + 1) & 1) != 0) ++end;
    text.print("{}{}", std::string_view(first ? "" : ","), cpu);
    if (end > cpu) text.print("-{}", end);
    first = false;
    cpu = end;
  }
  text.print("\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

}  // namespace

SysResult<std::string> stat_text(const Subject& subject, Thread* reader) {
  const Snapshot s = collect(subject);
  const bool detail = may_inspect(reader, subject);
  u32 policy = 0;
  i32 priority = 0, nice = 0;
  {
    SpinGuard guard(subject.thread->lock());
    policy = subject.thread->scheduling.policy;
    priority = subject.thread->scheduling.priority;
    nice = subject.thread->scheduling.nice;
  }
  const auto shown = [&](u64 address) { return detail ? address : 0; };
  const bool realtime = policy == 1 || policy == 2;
  Text text;
  text.print("{} ({}) {} {} {} {} {} {} 4194560 ", subject.whole ? subject.process->pid : subject.thread->tid(),
             std::string_view(subject.thread->comm()), s.state, s.parent, s.group, s.session, s.terminal, s.foreground);
  text.print("{} {} {} {} {} {} {} {} ", s.usage.minor_faults, s.children.minor_faults, s.usage.major_faults, s.children.major_faults, s.usage.user_ns / kTick,
             s.usage.system_ns / kTick, s.children.user_ns / kTick, s.children.system_ns / kTick);
  text.print("{} {} {} 0 {} {} {} {} ", realtime ? -1 - priority : 20 + nice, nice, std::max<usize>(s.threads.size(), 1), subject.thread->start_time() / kTick,
             s.space.virtual_bytes, s.space.resident_bytes / kPageSize, subject.process->limit(kLimitResident));
  const Mm::Layout& l = s.layout;
  text.print("{} {} {} 0 0 {} {} {} {} 0 0 0 {} 0 {} {} 0 0 0 ", shown(l.code_start), shown(l.code_end), shown(l.stack_start),
             s.pending & 0x7fffffff, s.blocked & 0x7fffffff, s.ignored & 0x7fffffff, s.caught & 0x7fffffff, s.exit_signal,
             realtime ? priority : 0, policy);
  text.print("{} {} {} {} {} {} {} {}\n", shown(l.data_start), shown(l.data_end), shown(l.brk_start), shown(l.arguments_start), shown(l.arguments_end),
             shown(l.environment_start), shown(l.environment_end), s.state == 'Z' ? subject.process->exit_status : 0);
  return text.take();
}

SysResult<std::string> statm_text(const Subject& subject, Thread* reader) {
  const Snapshot s = collect(subject);
  const u64 code = s.layout.code_end - s.layout.code_start, data = s.layout.data_end - s.layout.data_start + s.layout.brk - s.layout.brk_start;
  Text text;
  text.print("{} {} {} {} 0 {} 0\n", s.space.virtual_bytes / kPageSize, s.space.resident_bytes / kPageSize,
             (s.space.resident_bytes - std::min(s.space.resident_bytes, s.space.private_bytes)) / kPageSize,
             (code + kPageSize - 1) / kPageSize, data / kPageSize);
  return text.take();
}

SysResult<std::string> status_text(const Subject& subject, Thread* reader) {
  const Snapshot s = collect(subject);
  const Ref<const Credentials> cred = subject.thread->credentials();
  u64 affinity = 0;
  {
    SpinGuard guard(subject.thread->lock());
    affinity = subject.thread->scheduling.affinity;
  }
  Text text;
  id_lines(text, subject, s);
  if (s.mm) memory_lines(text, s);
  text.print("Threads:\t{}\nSigQ:\t{}/{}\n", std::max<usize>(s.threads.size(), 1), s.queued, subject.process->limit(kLimitSigPending));
  text.print("SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n", s.pending, s.shared_pending,
             s.blocked, s.ignored, s.caught);
  text.print("CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\nCapAmb:\t{:016x}\n", cred->inheritable,
             cred->permitted, cred->effective, cred->bounding, cred->ambient);
  text.print("NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", cred->no_new_privileges ? 1 : 0);
  mask_lines(text, affinity, subject.process->world.cpu_count);
  text.print("voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n", s.usage.voluntary_switches, s.usage.involuntary_switches);
  return text.take();
}

}  // namespace hati::linux::proc
