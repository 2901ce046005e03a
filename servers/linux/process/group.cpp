// SPDX-License-Identifier: MIT
// Process groups, sessions and the system calls on them: setpgid(2), setsid(2), getpgid(2), getsid(2).
#include "servers/linux/process/group.h"

#include <algorithm>

#include "servers/linux/process/calls.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {

void join_group(Process& process, Ref<ProcessGroup> group) {
  ProcessTable& table = process.world.processes();
  if (Ref<ProcessGroup> old = std::move(process.group)) {
    std::erase(old->members, &process);
    if (old->members.empty()) {
      table.entry(old->id).group = nullptr;
      table.forget_if_empty(old->id);
      if (--old->session->groups == 0) {
        table.entry(old->session->id).session = nullptr;
        table.forget_if_empty(old->session->id);
      }
    }
  }
  process.group = std::move(group);
  if (process.group) process.group->members.push_back(&process);
}

Ref<ProcessGroup> make_group(World& world, Pid id, Ref<Session> session) {
  auto group = Ref<ProcessGroup>::adopt(new ProcessGroup(id, session));
  ++session->groups;
  world.processes().entry(id).group = group.get();
  world.processes().entry(session->id).session = session.get();
  return group;
}

bool has_stopped_member(const ProcessGroup& group) {
  return std::any_of(group.members.begin(), group.members.end(), [](const Process* member) {
    SpinGuard guard(member->signals.lock);
    return member->signals.stopping && member->signals.stop_remaining == 0;
  });
}

bool orphaned(const ProcessGroup& group, const Process* ignored) {
  return std::none_of(group.members.begin(), group.members.end(), [&](const Process* member) {
    if (member == ignored || member->state != Process::State::kAlive) return false;
    const Process* parent = member->parent;
    return parent != nullptr && parent->pid != 1 && parent->group && parent->group.get() != &group && parent->group->session == group.session;
  });
}

bool is_orphaned(World& world, const ProcessGroup& group) {
  SpinGuard guard(ProcessTable::lock);
  return orphaned(group);
}

// Whether the group will be orphaned once `dying`, a parent of members, is gone.
static bool orphaned_without(const ProcessGroup& group, const Process& dying) HATI_REQUIRES(ProcessTable::lock) {
  return std::none_of(group.members.begin(), group.members.end(), [&](const Process* member) {
    const Process* parent = member->parent;
    if (member->state != Process::State::kAlive || parent == nullptr || parent == &dying || parent->pid == 1) return false;
    return parent->group && parent->group.get() != &group && parent->group->session == group.session;
  });
}

void collect_orphaned(Process& process, OrphanedGroups& groups) {
  const auto consider = [&](const Ref<ProcessGroup>& group, const Process* ignored) {
    if (group && orphaned(*group, ignored) && has_stopped_member(*group)) groups.push_back(group);
  };
  // Its own group, if its parent kept that from being orphaned; the groups of its children, if it kept those.
  const Process* parent = process.parent;
  if (parent != nullptr && parent->group && process.group && parent->group != process.group && parent->group->session == process.group->session) {
    consider(process.group, &process);
  }
  for (const Ref<Process>& child : process.children) {
    if (child->group && process.group && child->group != process.group && child->group->session == process.group->session &&
        orphaned_without(*child->group, process) && has_stopped_member(*child->group))
      groups.push_back(child->group);
  }
}

void signal_orphaned(World& world, const OrphanedGroups& groups) {
  for (const Ref<ProcessGroup>& group : groups) {
    send_signal(world, *group, kernel_signal(kSigHup));
    send_signal(world, *group, kernel_signal(kSigCont));
  }
}

SysResult<i64> sys_setpgid(Thread& thread, Pid pid, Pid group_id) {
  World& world = thread.world();
  ProcessTable& table = world.processes();
  Process& self = thread.process();
  if (pid == 0) pid = self.pid;
  if (group_id == 0) group_id = pid;
  if (group_id < 0) return fail(Errno::kINVAL);

  SpinGuard guard(ProcessTable::lock);
  Process* target = table.process(pid);
  if (target == nullptr) return fail(Errno::kSRCH);
  if (target != &self) {
    if (target->parent != &self) return fail(Errno::kSRCH);
    if (target->group->session != self.group->session) return fail(Errno::kPERM);
    if (target->has_executed) return fail(Errno::kACCES);
  }
  if (target->session_leader()) return fail(Errno::kPERM);
  if (group_id == target->group->id) return 0;

  Ref<ProcessGroup> group;
  if (ProcessGroup* existing = table.group(group_id)) {
    if (existing->session != self.group->session) return fail(Errno::kPERM);
    group = Ref(*existing);
  } else {
    if (group_id != pid) return fail(Errno::kPERM);
    group = make_group(world, group_id, target->group->session);
  }
  join_group(*target, std::move(group));
  return 0;
}

SysResult<i64> sys_setsid(Thread& thread) {
  Process& self = thread.process();
  ProcessTable& table = self.world.processes();
  SpinGuard guard(ProcessTable::lock);
  if (table.group(self.pid) != nullptr || self.session_leader()) return fail(Errno::kPERM);
  auto session = Ref<Session>::adopt(new Session(self.pid));
  join_group(self, make_group(self.world, self.pid, session));
  return self.pid;
}

namespace {

// Reads something of a process (0: the caller) under the lock.
template <class Read>
SysResult<i64> of_process(Thread& thread, Pid pid, Read&& read) {
  ProcessTable& table = thread.world().processes();
  SpinGuard guard(ProcessTable::lock);
  Process* target = pid == 0 ? &thread.process() : table.process(pid);
  if (target == nullptr && table.thread(pid) != nullptr) target = &table.thread(pid)->process();
  if (target == nullptr || !target->group) return fail(Errno::kSRCH);
  return read(*target);
}

}  // namespace

SysResult<i64> sys_getpgid(Thread& thread, Pid pid) {
  return of_process(thread, pid, [](const Process& p) { return p.group_id(); });
}

SysResult<i64> sys_getpgrp(Thread& thread) { return sys_getpgid(thread, 0); }

SysResult<i64> sys_getsid(Thread& thread, Pid pid) {
  return of_process(thread, pid, [](const Process& p) { return p.session_id(); });
}

}  // namespace hati::linux
