// SPDX-License-Identifier: MIT
// Pseudo-terminals (pty(7)): a Terminal whose bytes go to and come from a master file. All pairs are in one PtyTable, which fs/devpts shows as a
// directory. The table holds a reference while the master is open.
#pragma once

#include <map>

#include "servers/linux/tty/terminal.h"

namespace hati::linux {

class PtyMaster;

class Pty final : public Terminal {
 public:
  Pty(World& world, u32 number);

  u32 number() const { return number_; }

  // Master's side.
  SysResult<usize> master_read(IoBuffer& to) HATI_EXCLUDES(lock_);
  u32 master_poll() HATI_EXCLUDES(lock_);
  // Input from the master; what the terminal cannot hold waits in carry_ (only after writers that raced for the last room).
  void push_input(std::span<const u8> bytes) HATI_EXCLUDES(lock_);
  bool takes_input() const HATI_EXCLUDES(lock_);
  WaitQueue& master_queue() { return master_queue_; }
  void master_closed();
  u32 master_input_bytes() const { return output_bytes(); }
  void set_packet_mode(bool on) HATI_EXCLUDES(lock_);
  bool packet_mode() const HATI_EXCLUDES(lock_);

  std::atomic<bool> locked{true};  // TIOCSPTLCK
  std::atomic<bool> master_open{true};
  // For devpts: who opened the master; whether this pair has its own node already.
  std::atomic<u32> owner_uid{0}, owner_gid{0};
  std::atomic<bool> node_made{false};

  void file_opened() override;
  void file_closed() override;
  Task<SysResult<>> drain(Thread& thread) override;  // the master's buffer counts as sent

 protected:
  usize output_room() const override HATI_REQUIRES(lock_) { return output_.size() >= kOutputMax ? 0 : kOutputMax - output_.size(); }
  void send(std::string_view bytes) override HATI_REQUIRES(lock_);
  void discard_output() override HATI_REQUIRES(lock_);
  usize output_pending() const override HATI_REQUIRES(lock_) { return output_.size(); }
  void flow_changed(bool stopped) override HATI_REQUIRES(lock_);
  void output_ready() override { master_queue_.wake_all(kPollIn | kPollRdNorm); }
  void input_consumed() override HATI_EXCLUDES(lock_);
  bool hangs_up_with_session() const override { return false; }

 private:
  static constexpr usize kOutputMax = 8192;

  const u32 number_;
  WaitQueue master_queue_;
  std::string output_ HATI_GUARDED_BY(lock_);
  std::string carry_ HATI_GUARDED_BY(lock_);
  bool packet_mode_ HATI_GUARDED_BY(lock_) = false;
  u8 packet_status_ HATI_GUARDED_BY(lock_) = 0;
  u32 slave_opens_ HATI_GUARDED_BY(lock_) = 0;
  bool slave_was_open_ HATI_GUARDED_BY(lock_) = false;
};

class PtyTable {
 public:
  static constexpr u32 kMax = 4096;
  static PtyTable& get();

  SysResult<Ref<Pty>> create(World& world) HATI_EXCLUDES(lock_);  // kNOSPC
  Ref<Pty> find(u32 number) const HATI_EXCLUDES(lock_);           // null
  void remove(u32 number) HATI_EXCLUDES(lock_);
  std::vector<u32> numbers() const HATI_EXCLUDES(lock_);          // ascending

 private:
  mutable SpinLock lock_;
  std::map<u32, Ref<Pty>> pairs_ HATI_GUARDED_BY(lock_);
};

class PtyMaster final : public File {
 public:
  PtyMaster(Ref<Pty> pty, u32 flags) : File(flags), pty_(std::move(pty)) {}

  SysResult<usize> read(IoContext& context, IoBuffer& to) override { return pty_->master_read(to); }
  SysResult<usize> write(IoContext& context, IoBuffer& from) override;
  bool writes_everything() const override { return true; }
  u32 poll() override { return pty_->master_poll(); }
  WaitQueue* poll_queue() override { return &pty_->master_queue(); }
  Task<SysResult<i64>> ioctl(Thread& thread, u32 request, u64 argument) override;
  void on_release() override { pty_->master_closed(); }
  std::string description() const override { return "/dev/ptmx"; }
  std::string info() const override { return "tty-index:\t" + std::to_string(pty_->number()) + "\n"; }

 private:
  const Ref<Pty> pty_;
};

}  // namespace hati::linux
