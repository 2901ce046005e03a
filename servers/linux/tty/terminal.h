// SPDX-License-Identifier: MIT
// A terminal: line discipline, settings, window size, and its part in job control (a session's controlling terminal, the foreground process group;
// see credentials(7) and tty_ioctl(4)). Subclasses carry the bytes: pty.h to a master, console.h to a serial driver.
// Locks: lock_ guards the discipline and the subclass's buffers; job_lock() (one for all terminals, rarely taken) guards the relation between sessions
// and terminals. Never both. Signals and wake-ups are sent with neither held.
#pragma once

#include <atomic>
#include <string>

#include "base/ref.h"
#include "runtime/spinlock.h"
#include "servers/linux/file/file.h"
#include "servers/linux/process/process.h"
#include "servers/linux/tty/line_discipline.h"

namespace hati::linux {

class Terminal : public RefCounted<Terminal> {
 public:
  Terminal(World& world, u64 device, std::string name);
  virtual ~Terminal() = default;
  static void destroy(Terminal* terminal) { delete terminal; }

  World& world() const { return world_; }
  u64 device() const { return device_; }
  const std::string& name() const { return name_; }  // "pts/3", "ttyS0"

  // Program's side. kAGAIN where it would wait.
  SysResult<usize> read(IoContext& context, IoBuffer& to) HATI_EXCLUDES(lock_);
  SysResult<usize> write(IoContext& context, IoBuffer& from) HATI_EXCLUDES(lock_);
  u32 poll() HATI_EXCLUDES(lock_);
  WaitQueue& queue() { return queue_; }

  // Device's side: returns how many bytes there was room for.
  usize input(std::span<const u8> bytes) HATI_EXCLUDES(lock_);
  void input_break() HATI_EXCLUDES(lock_);
  bool has_input_room() const HATI_EXCLUDES(lock_);

  Termios termios() const HATI_EXCLUDES(lock_);
  void set_termios(const Termios& termios) HATI_EXCLUDES(lock_);
  WindowSize window_size() const HATI_EXCLUDES(lock_);
  void set_window_size(WindowSize size) HATI_EXCLUDES(lock_);  // SIGWINCH to the foreground if it changes
  u32 input_bytes() const HATI_EXCLUDES(lock_);
  u32 output_bytes() const HATI_EXCLUDES(lock_);
  void flush_input() HATI_EXCLUDES(lock_);
  void flush_output() HATI_EXCLUDES(lock_);
  void set_flow(bool stopped) HATI_EXCLUDES(lock_);
  void send_flow_character(bool stop) HATI_EXCLUDES(lock_);
  // When everything written has left. Interruptible.
  virtual Task<SysResult<>> drain(Thread& thread);

  // Everybody who has it open sees end of file from now on; the session loses it.
  void hang_up() HATI_EXCLUDES(lock_);
  u32 generation() const { return generation_.load(std::memory_order_acquire); }

  std::atomic<bool> exclusive{false};  // TIOCEXCL
  virtual void file_opened() {}
  virtual void file_closed() {}

  // ---- Job control (job_control.cpp) ----
  // May `thread` do this from where it is? kRESTARTSYS after SIGTTIN or SIGTTOU went to its group; kIO if it must not even wait.
  SysResult<> check_background(Thread& thread, i32 signal);
  bool controls(const Thread& thread) const;
  SysResult<> become_controlling(Thread& thread, bool steal);
  void become_controlling_on_open(Thread& thread);
  // 0: none.
  Pid foreground_id() const;
  SysResult<Pid> session_id() const;
  SysResult<> set_foreground(Thread& thread, Pid group);
  void signal_foreground(i32 signal);
  // The session of a leader that leaves it or ends.
  static void detach(Session& session, bool leader_exits);
  void depart(Process& process);  // TIOCNOTTY of a process that leads no session
  static Ref<Terminal> controlling(const Thread& thread);
  static Ref<Terminal> of(const Session& session);  // null: it has none

 protected:
  // Bytes that may be passed to send() now; echo may exceed it by a little.
  virtual usize output_room() const HATI_REQUIRES(lock_) = 0;
  virtual void send(std::string_view bytes) HATI_REQUIRES(lock_) = 0;
  virtual void discard_output() HATI_REQUIRES(lock_) = 0;
  virtual usize output_pending() const HATI_REQUIRES(lock_) = 0;
  virtual void flow_changed(bool stopped) HATI_REQUIRES(lock_) {}
  // Called without the lock: there is output to carry away; there is room for input again.
  virtual void output_ready() {}
  virtual void input_consumed() {}
  virtual bool hangs_up_with_session() const { return true; }

  mutable SpinLock lock_;
  LineDiscipline discipline_ HATI_GUARDED_BY(lock_);

 private:
  static SpinLock& job_lock();
  void finish_input(std::string& echo, LineDiscipline::Effects& effects) HATI_REQUIRES(lock_);
  void act(const LineDiscipline::Effects& effects) HATI_EXCLUDES(lock_);
  SysResult<usize> wait_for_input(IoContext& context, usize wanted) HATI_REQUIRES(lock_);
  Ref<ProcessGroup> foreground() const;

  World& world_;
  const u64 device_;
  const std::string name_;
  WaitQueue queue_;
  std::atomic<u32> generation_{0};
  WindowSize size_ HATI_GUARDED_BY(lock_){};
  u64 last_input_ HATI_GUARDED_BY(lock_) = 0;    // VTIME between bytes
  u64 read_started_ HATI_GUARDED_BY(lock_) = 0;  // VTIME from the call on

  // job_lock()
  Ref<Session> session_;
  Ref<ProcessGroup> foreground_;
  std::vector<Ref<Process>> departed_;  // of the session, but gave the terminal up for themselves (TIOCNOTTY)
  bool has_departed(const Process& process) const;
};

// An open terminal (not a pty master).
class TerminalFile final : public File {
 public:
  // as_console: opened through /dev/console, which job control and hang-ups leave alone.
  TerminalFile(Ref<Terminal> terminal, u32 flags, bool as_console);

  SysResult<usize> read(IoContext& context, IoBuffer& to) override;
  SysResult<usize> write(IoContext& context, IoBuffer& from) override;
  bool writes_everything() const override { return true; }
  TerminalFile* as_terminal() override { return this; }
  u32 poll() override;
  WaitQueue* poll_queue() override { return &terminal_->queue(); }
  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override;
  void on_release() override { terminal_->file_closed(); }
  std::string description() const override { return "/dev/" + terminal_->name(); }

  Terminal& terminal() const { return *terminal_; }
  bool hung_up() const { return !console_ && generation_ != terminal_->generation(); }

 private:
  const Ref<Terminal> terminal_;
  const u32 generation_;
  const bool console_;
};

// Requests that terminals and pty masters share (tty/ioctl.cpp). `own`: the terminal is what the program has open, not the other side of a master.
Task<SysResult<i64>> terminal_ioctl(Thread& thread, Ref<Terminal> terminal, u32 request, u64 argument, bool own);

// Registers the devices and starts the console. Once, at start-up.
void start_terminals(World& world);
// Before power off: returns when the console's output is on the line, or at the deadline.
Task<> flush_console(u64 deadline);

}  // namespace hati::linux
