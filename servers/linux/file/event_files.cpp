// SPDX-License-Identifier: MIT
// eventfd(2), signalfd(2), and the calls of epoll(7).
#include <cstring>

#include "abi/linux/poll.h"
#include "servers/linux/core/calls_file.h"
#include "servers/linux/core/services.h"
#include "servers/linux/file/epoll.h"
#include "servers/linux/file/poll.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {

namespace {

class EventFile final : public File {
 public:
  EventFile(u64 value, bool semaphore, u32 flags) : File(flags), value_(value), semaphore_(semaphore) {}

  SysResult<usize> read(IoContext& context, IoBuffer& to) override {
    if (to.left() < 8) return fail(Errno::kINVAL);
    u64 taken = 0;
    {
      SpinGuard guard(lock_);
      if (value_ == 0) return fail(Errno::kAGAIN);
      taken = semaphore_ ? 1 : value_;
      value_ -= taken;
    }
    queue_.wake(kPollOut | kPollWrNorm);
    return to.copy_out(&taken, sizeof taken);
  }
  SysResult<usize> write(IoContext& context, IoBuffer& from) override {
    if (from.left() < 8) return fail(Errno::kINVAL);
    const IoBuffer::Mark start = from.mark();
    u64 number = 0;
    const usize got = TRY(from.copy_in(&number, sizeof number));
    if (got < sizeof number) return fail(Errno::kFAULT);
    const SysResult<usize> added = add(number);
    if (!added && added.error() == Errno::kAGAIN) from.rewind(start);  // tried again later from the same place
    return added;
  }
  u32 poll() override {
    SpinGuard guard(lock_);
    return (value_ > 0 ? kPollIn | kPollRdNorm : 0u) | (value_ < kLimit ? kPollOut | kPollWrNorm : 0u);
  }
  WaitQueue* poll_queue() override { return &queue_; }
  std::string description() const override { return "anon_inode:[eventfd]"; }
  std::string info() const override {
    SpinGuard guard(lock_);
    char line[48];
    std::snprintf(line, sizeof line, "eventfd-count: %16llx\n", static_cast<unsigned long long>(value_));
    return line;
  }

 private:
  static constexpr u64 kLimit = ~u64{0} - 1;
  SysResult<usize> add(u64 number) {
    if (number == ~u64{0}) return fail(Errno::kINVAL);
    {
      SpinGuard guard(lock_);
      if (kLimit - value_ < number) return fail(Errno::kAGAIN);
      value_ += number;
    }
    queue_.wake(kPollIn | kPollRdNorm);
    return sizeof number;
  }

  mutable SpinLock lock_;
  u64 value_ HATI_GUARDED_BY(lock_);
  const bool semaphore_;
  WaitQueue queue_;
};

class SignalFile final : public File {
 public:
  SignalFile(Ref<Process> maker, SignalSet mask, u32 flags) : File(flags), maker_(std::move(maker)), mask_(mask & ~kUnblockable) {}

  SysResult<usize> read(IoContext& context, IoBuffer& to) override {
    if (to.left() < sizeof(UserSignalFdInfo)) return fail(Errno::kINVAL);
    if (context.thread == nullptr) return fail(Errno::kAGAIN);
    usize done = 0;
    while (to.left() >= sizeof(UserSignalFdInfo)) {
      const std::optional<SignalInfo> info = take_signal(*context.thread, mask());
      if (!info) break;
      const UserSignalFdInfo record = record_of(*info);
      done += TRY(to.copy_out(&record, sizeof record));
    }
    if (done == 0) return fail(Errno::kAGAIN);
    return done;
  }
  u32 poll() override {
    const Ref<Thread> leader = maker_->get_leader();
    return leader ? poll_for(*leader) : 0;
  }
  WaitQueue* poll_queue() override { return &maker_->signals.arrived; }
  u32 poll_for(Thread& thread) override { return (pending_signals(thread) & mask()) != 0 ? kPollIn | kPollRdNorm : 0; }
  WaitQueue* poll_queue_for(Thread& thread) override { return &thread.process().signals.arrived; }
  std::string description() const override { return "anon_inode:[signalfd]"; }
  std::string info() const override {
    char line[40];
    std::snprintf(line, sizeof line, "sigmask:\t%016llx\n", static_cast<unsigned long long>(mask()));
    return line;
  }

  SignalSet mask() const { return mask_.load(std::memory_order_relaxed); }
  void set_mask(SignalSet mask) {
    mask_.store(mask & ~kUnblockable, std::memory_order_relaxed);
    maker_->signals.arrived.wake(kPollIn);
  }
  File* as_signal() override { return this; }

 private:
  static UserSignalFdInfo record_of(const SignalInfo& info) {
    UserSignalFdInfo record{};
    record.signal = static_cast<u32>(info.signal);
    record.error = info.error;
    record.code = info.code;
    if (info.code == kSiTimer) {
      record.timer_id = static_cast<u32>(info.timer_id());
      record.overrun = static_cast<u32>(info.overrun());
      record.pointer = info.value();
      record.integer = static_cast<i32>(info.value());
      return record;
    }
    record.pid = static_cast<u32>(info.sender_pid());
    record.uid = info.sender_uid();
    if (info.signal == kSigChld && info.code > 0) {
      record.status = info.child_status();
      record.user_time = info.fields[2];
      record.system_time = info.fields[3];
    } else if (info.code == kSiQueue || info.code == kSiMesgQ) {
      record.pointer = info.value();
      record.integer = static_cast<i32>(info.value());
    } else if ((signal_bit(info.signal) & kSynchronousSignals) != 0 && info.code > 0) {
      record.pid = record.uid = 0;
      record.address = info.address();
    }
    return record;
  }

  const Ref<Process> maker_;
  std::atomic<SignalSet> mask_;
};

SysResult<i64> install(Thread& thread, Ref<File> file, u32 flags) {
  return TRY(install_anonymous_file(thread, std::move(file), flags)).value;
}

}  // namespace

SysResult<i64> sys_eventfd2(Thread& thread, u32 value, u32 flags) {
  constexpr u32 kSemaphore = 1;
  if ((flags & ~(kSemaphore | kOpenCloseOnExec | kOpenNonBlock)) != 0) return fail(Errno::kINVAL);
  return install(
      thread,
      Ref<File>::adopt(std::make_unique<EventFile>(value, (flags & kSemaphore) != 0, kOpenReadWrite | (flags & kOpenNonBlock)).release()),
      flags);
}

SysResult<i64> sys_eventfd(Thread& thread, u32 value) { return sys_eventfd2(thread, value, 0); }

SysResult<i64> sys_signalfd4(Thread& thread, i32 fd, UserPtr<const u64> mask, u64 mask_bytes, u32 flags) {
  if ((flags & ~u32{kOpenCloseOnExec | kOpenNonBlock}) != 0 || mask_bytes != sizeof(u64)) return fail(Errno::kINVAL);
  const SignalSet set = TRY(thread.memory().get(mask));
  if (fd != -1) {
    const Ref<File> file = TRY(thread.files().get(Fd{fd}));
    if (file->as_signal() == nullptr) return fail(Errno::kINVAL);
    static_cast<SignalFile*>(file->as_signal())->set_mask(set);
    return fd;
  }
  auto file = std::make_unique<SignalFile>(Ref<Process>(thread.process()), set, kOpenReadWrite | (flags & kOpenNonBlock));
  return install(thread, Ref<File>::adopt(file.release()), flags);
}

SysResult<i64> sys_signalfd(Thread& thread, i32 fd, UserPtr<const u64> mask, u64 mask_bytes) {
  return sys_signalfd4(thread, fd, mask, mask_bytes, 0);
}

SysResult<i64> sys_epoll_create1(Thread& thread, u32 flags) {
  if ((flags & ~u32{kOpenCloseOnExec}) != 0) return fail(Errno::kINVAL);
  return install(thread, Ref<File>::adopt(std::make_unique<EpollFile>(kOpenReadWrite).release()), flags);
}

SysResult<i64> sys_epoll_create(Thread& thread, i32 size) {
  if (size <= 0) return fail(Errno::kINVAL);
  return sys_epoll_create1(thread, 0);
}

SysResult<i64> sys_epoll_ctl(Thread& thread, Fd epoll_fd, u32 operation, Fd fd, UserAddress event_address) {
  enum Operation : u32 { kAdd = 1, kDelete = 2, kModify = 3 };
  EpollEvent event{};
  if (operation != kDelete) TRY(thread.memory().read(event_address.address, &event, sizeof event));
  const Ref<File> instance = TRY(thread.files().get(epoll_fd));
  Ref<File> file = TRY(thread.files().get(fd));
  if (file->is_path_only()) return fail(Errno::kBADF);
  if (file->poll_queue() == nullptr) return fail(Errno::kPERM);
  EpollFile* epoll = instance->as_epoll();
  if (epoll == nullptr || file.get() == instance.get()) return fail(Errno::kINVAL);
  constexpr u32 kExclusiveAllowed = kPollIn | kPollOut | kPollErr | kPollHup | kEpollWakeUp | kEpollEdge | kEpollExclusive;
  if (operation != kDelete && (event.events & kEpollExclusive) != 0) {
    if (operation == kModify || file->as_epoll() != nullptr || (event.events & ~kExclusiveAllowed) != 0) return fail(Errno::kINVAL);
  }
  switch (operation) {
    case kAdd: TRY(epoll->add(std::move(file), fd.value, event)); return 0;
    case kDelete: TRY(epoll->remove(*file, fd.value)); return 0;
    case kModify: TRY(epoll->modify(*file, fd.value, event)); return 0;
    default: return fail(Errno::kINVAL);
  }
}

namespace {

constexpr i32 kEventsMax = 0x7fffffff / 12;

SysResult<i64> put_events(Thread& thread, UserAddress to, const std::vector<EpollEvent>& events) {
  TRY(thread.memory().write(to.address, events.data(), events.size() * sizeof(EpollEvent)));
  return static_cast<i64>(events.size());
}

SysResult<Ref<File>> epoll_of(Thread& thread, Fd fd, i32 count) {
  if (count <= 0 || count > kEventsMax) return fail(Errno::kINVAL);
  Ref<File> file = TRY(thread.files().get(fd));
  if (file->as_epoll() == nullptr) return fail(Errno::kINVAL);
  return file;
}

Task<SysResult<i64>> wait_events(Thread& thread, Fd fd, UserAddress to, i32 count, u64 deadline, std::optional<u64> mask) {
  const Ref<File> file = CO_TRY(epoll_of(thread, fd, count));
  EpollFile& epoll = *file->as_epoll();
  if (mask) set_temporary_mask(thread, *mask);
  SysResult<> woken;
  std::vector<EpollEvent> events;
  {
    Waiter waiter(&thread);
    waiter.add(epoll.queue(), kPollIn | kPollRdNorm, true);
    for (;;) {
      events = epoll.collect(static_cast<usize>(count));
      if (!events.empty() || deadline == 0) break;
      woken = co_await waiter.wait(deadline);
      if (!woken) break;
    }
  }
  if (!woken && woken.error() != Errno::kTIMEDOUT) co_return fail(Errno::kINTR);
  if (mask) restore_signal_mask(thread);
  co_return put_events(thread, to, events);
}

}  // namespace

SysResult<i64> sys_epoll_wait_now(Thread& thread, Fd fd, UserAddress to, i32 count, i32 timeout_ms) {
  const Ref<File> file = TRY(epoll_of(thread, fd, count));
  const std::vector<EpollEvent> events = file->as_epoll()->collect(static_cast<usize>(count));
  if (events.empty() && timeout_ms != 0) return fail(Errno::kNEEDASYNC);
  return put_events(thread, to, events);
}

Task<SysResult<i64>> sys_epoll_wait(Thread& thread, Fd fd, UserAddress to, i32 count, i32 timeout_ms) {
  return wait_events(thread, fd, to, count, deadline_after_ms(timeout_ms), {});
}

Task<SysResult<i64>> sys_epoll_pwait(Thread& thread, Fd fd, UserAddress to, i32 count, i32 timeout_ms, UserPtr<const u64> mask,
                                     u64 mask_bytes) {
  const std::optional<u64> signals = CO_TRY(get_signal_mask(thread, mask, mask_bytes));
  co_return co_await wait_events(thread, fd, to, count, deadline_after_ms(timeout_ms), signals);
}

Task<SysResult<i64>> sys_epoll_pwait2(Thread& thread, Fd fd, UserAddress to, i32 count, UserPtr<UserTimespec> time, UserPtr<const u64> mask,
                                      u64 mask_bytes) {
  const u64 deadline = CO_TRY(deadline_of(thread, time));
  const std::optional<u64> signals = CO_TRY(get_signal_mask(thread, mask, mask_bytes));
  co_return co_await wait_events(thread, fd, to, count, deadline, signals);
}

}  // namespace hati::linux
