// SPDX-License-Identifier: MIT
// Controlling terminals, foreground groups, SIGTTIN and SIGTTOU, hang-up (tty_ioctl(4), setsid(2), Linux's tty_jobctrl.c as observed).
#include <algorithm>

#include "servers/linux/core/services.h"
#include "servers/linux/core/world.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/tty/terminal.h"

namespace hati::linux {

SpinLock& Terminal::job_lock() {
  static constinit SpinLock lock;
  return lock;
}

bool Terminal::controls(const Thread& thread) const {
  const Ref<Session> session = thread.process().get_session();
  SpinGuard guard(job_lock());
  return session && session_ == session && !has_departed(thread.process());
}

// job_lock() is held.
bool Terminal::has_departed(const Process& process) const {
  return std::ranges::any_of(departed_, [&](const Ref<Process>& other) { return other.get() == &process; });
}

void Terminal::depart(Process& process) {
  SpinGuard guard(job_lock());
  departed_.emplace_back(process);
}

Ref<Terminal> Terminal::controlling(const Thread& thread) {
  const Ref<Session> session = thread.process().get_session();
  Ref<Terminal> terminal = session ? of(*session) : Ref<Terminal>();
  return terminal && terminal->controls(thread) ? terminal : Ref<Terminal>();
}

Ref<Terminal> Terminal::of(const Session& session) {
  SpinGuard guard(job_lock());
  return session.terminal != nullptr ? Ref<Terminal>(*session.terminal) : Ref<Terminal>();
}

Ref<ProcessGroup> Terminal::foreground() const {
  SpinGuard guard(job_lock());
  return foreground_;
}

void Terminal::signal_foreground(i32 signal) {
  if (const Ref<ProcessGroup> group = foreground()) send_signal(world_, *group, kernel_signal(signal));
}

SysResult<> Terminal::check_background(Thread& thread, i32 signal) {
  const Ref<ProcessGroup> own = thread.process().get_group();
  {
    SpinGuard guard(job_lock());
    if (!own || session_ != own->session || !foreground_ || foreground_ == own) return {};
  }
  if (signal_blocked_or_ignored(thread, signal)) {
    if (signal == kSigTtin) return fail(Errno::kIO);
    return {};
  }
  if (is_orphaned(world_, *own)) return fail(Errno::kIO);
  send_signal(world_, *own, kernel_signal(signal));
  return fail(Errno::kRESTARTSYS);
}

SysResult<> Terminal::become_controlling(Thread& thread, bool steal) {
  const Ref<ProcessGroup> group = thread.process().get_group();
  if (!group) return fail(Errno::kPERM);
  Session& session = *group->session;
  Ref<Terminal> extra;
  SpinGuard guard(job_lock());
  const bool leader = session.id == thread.process().pid;
  if (leader && session_ == group->session) return {};
  if (!leader || session.terminal != nullptr) return fail(Errno::kPERM);
  if (session_) {
    if (!steal || !thread.capable(kCapSysAdmin)) return fail(Errno::kPERM);
    if (session_->terminal == this) extra = Ref<Terminal>::adopt(std::exchange(session_->terminal, nullptr));
  }
  session_ = group->session;
  foreground_ = group;
  session.terminal = Ref<Terminal>(*this).release();  // taken back in detach()
  return {};
}

void Terminal::become_controlling_on_open(Thread& thread) {
  SpinLock& lock = job_lock();
  {
    SpinGuard guard(lock);
    if (session_) return;
  }
  (void)become_controlling(thread, false);  // whoever is not entitled just opens it
}

Pid Terminal::foreground_id() const {
  const Ref<ProcessGroup> group = foreground();
  return group ? group->id : 0;
}

SysResult<Pid> Terminal::session_id() const {
  SpinGuard guard(job_lock());
  if (!session_) return fail(Errno::kNOTTY);
  return session_->id;
}

SysResult<> Terminal::set_foreground(Thread& thread, Pid id) {
  if (auto allowed = check_background(thread, kSigTtou); !allowed)
    return fail(allowed.error() == Errno::kIO ? Errno::kNOTTY : allowed.error());
  const Ref<Session> session = thread.process().get_session();
  if (!controls(thread)) return fail(Errno::kNOTTY);
  if (id < 0) return fail(Errno::kINVAL);
  const Ref<ProcessGroup> group = world_.processes().find_group(id);
  if (!group) return fail(Errno::kSRCH);
  if (group->session != session) return fail(Errno::kPERM);
  SpinGuard guard(job_lock());
  foreground_ = group;
  return {};
}

void Terminal::detach(Session& session, bool leader_exits) {
  Ref<Terminal> terminal;
  Ref<ProcessGroup> group;
  Ref<Session> released;
  std::vector<Ref<Process>> departed;
  {
    SpinGuard guard(job_lock());
    if (session.terminal == nullptr) return;
    terminal = Ref<Terminal>::adopt(std::exchange(session.terminal, nullptr));
    group = std::exchange(terminal->foreground_, nullptr);
    released = std::exchange(terminal->session_, nullptr);
    std::swap(departed, terminal->departed_);
  }
  if (leader_exits && terminal->hangs_up_with_session()) {
    terminal->generation_.fetch_add(1, std::memory_order_acq_rel);
    terminal->flush_input();
  }
  if (group) {
    send_signal(terminal->world_, *group, kernel_signal(kSigHup));
    if (!leader_exits || terminal->hangs_up_with_session()) send_signal(terminal->world_, *group, kernel_signal(kSigCont));
  }
  terminal->queue_.wake_all();
}

void Terminal::hang_up() {
  Ref<Session> session;
  Ref<ProcessGroup> group;
  Ref<Terminal> self;
  std::vector<Ref<Process>> departed;
  {
    SpinGuard guard(job_lock());
    generation_.fetch_add(1, std::memory_order_acq_rel);
    session = std::exchange(session_, nullptr);
    std::swap(departed, departed_);
    group = std::exchange(foreground_, nullptr);
    if (session && session->terminal == this) self = Ref<Terminal>::adopt(std::exchange(session->terminal, nullptr));
  }
  if (session) {
    if (const Ref<Process> leader = world_.processes().find_process(session->id)) {
      (void)send_signal(*leader, kernel_signal(kSigHup));
      (void)send_signal(*leader, kernel_signal(kSigCont));
    }
  }
  {
    SpinGuard guard(lock_);
    discipline_.flush_input();
  }
  queue_.wake_all();
}

void release_terminal(Process& leader) {
  const Ref<Session> session = leader.get_session();
  if (session && session->id == leader.pid) Terminal::detach(*session, true);
}

}  // namespace hati::linux
