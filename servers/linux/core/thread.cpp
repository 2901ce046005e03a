// SPDX-License-Identifier: MIT
// The life of a thread: resume the program, handle the trap, deliver signals, again. run() is the hottest code of the server: a call that need not sleep is
// answered without allocation, locks or reference counting.
#include "servers/linux/core/thread.h"

#include "runtime/log.h"
#include "servers/linux/core/namespaces.h"
#include "servers/linux/core/syscall.h"
#include "servers/linux/core/trace.h"
#include "servers/linux/file/fd_table.h"
#include "servers/linux/ipc/sem.h"
#include "servers/linux/process/exit.h"
#include "servers/linux/process/process.h"
#include "servers/linux/ptrace/ptrace.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/signal/state.h"
#include "servers/linux/time/process_timers.h"
#include "servers/linux/vfs/path.h"

namespace hati::linux {

Thread::Thread(World& world, Ref<Process> process, Tid tid)
    : world_(world), process_(std::move(process)), tid_(tid), start_ns_(monotonic_ns()) {}

void Thread::destroy(Thread* thread) { delete thread; }

Task<> Thread::run(Ref<Thread> self) {
  Thread& thread = *self;
  const bool traced = thread.world_.trace_calls;
  for (;;) {
    // With set_work(): either it sees in_program_ and interrupts, or its bits are seen here.
    thread.in_program_.store(true, std::memory_order_seq_cst);
    if (thread.work_.load(std::memory_order_seq_cst) != 0) [[unlikely]] {
      thread.in_program_.store(false, std::memory_order_relaxed);
      if (!co_await thread.handle_work()) co_return;
      continue;
    }
    const Trap trap = co_await thread.native_.resume();
    thread.in_program_.store(false, std::memory_order_relaxed);

    if (trap == Trap::kCall) [[likely]] {
      ThreadPage& page = thread.page();
      const u64 number = static_cast<u32>(page.rax);  // the upper half is ignored
      if (number < kSyscallLimit && !traced) [[likely]] {
        const FastHandler fast = kSyscalls[number].fast;
        if (fast != nullptr) {
          const SysResult<i64> result = fast(thread, call_arguments(page));
          if (result) [[likely]] {
            page.rax = static_cast<u64>(*result);
            continue;
          }
          if (result.error() != Errno::kNEEDASYNC) {
            thread.fail_call(number, result.error());
            continue;
          }
        }
      }
      co_await thread.handle_call(number, !traced);
      if (sequences_have_moved(thread)) thread.work_.fetch_or(kWorkSequences, std::memory_order_relaxed);
    } else {
      if (trap == Trap::kException) thread.handle_exception();
      if (trap == Trap::kKilled) begin_group_exit(*thread.process_, kSigKill);
      if (thread.sequences.area != 0) thread.work_.fetch_or(kWorkSequences, std::memory_order_relaxed);
    }
  }
}

void Thread::fail_call(u64 number, Errno error) {
  if (error >= Errno::kRESTARTSYS && error <= Errno::kRESTARTBLOCK) {
    restart_error = error;
    call_number = number;
    error = Errno::kINTR;
    work_.fetch_or(kWorkSignal, std::memory_order_relaxed);  // deliver_signals() decides, also if the signal is gone by now
  }
  page().rax = static_cast<u64>(-static_cast<i64>(error));
}

void Thread::finish_call(u64 number, SysResult<i64> result) {
  if (!result) return fail_call(number, result.error());
  page().rax = static_cast<u64>(*result);
}

Task<> Thread::handle_call(u64 number, bool tried) {
  const CallArguments arguments = call_arguments(page());
  const SyscallEntry entry = number < kSyscallLimit ? kSyscalls[number] : SyscallEntry{};
  if (entry.name == nullptr) {
    note_unknown_call(*this, number);
    page().rax = static_cast<u64>(-static_cast<i64>(Errno::kNOSYS));
    co_return;
  }
  const bool traced = world_.trace_calls;
  if (traced) trace_enter(*this, entry.name, arguments);
  SysResult<i64> result = fail(Errno::kNEEDASYNC);
  if (entry.fast != nullptr && (!tried || entry.slow == nullptr)) result = entry.fast(*this, arguments);
  if (!result && result.error() == Errno::kNEEDASYNC && entry.slow != nullptr) result = co_await entry.slow(*this, arguments);
  if (traced) trace_leave(*this, entry.name, result);
  finish_call(number, result);
  // A tracer that asked for calls only during this one (at an event) hears of its end.
  if ((work() & kWorkTrace) != 0 && trace.original_rax == -1) [[unlikely]]
    co_await trace_call_end(*this, number);
}

Task<bool> Thread::handle_work() {
  for (;;) {
    const u32 bits = work_.load(std::memory_order_acquire);
    if ((bits & kWorkExit) != 0) {
      co_await exit_thread(*this);
      co_return false;
    }
    if ((bits & kWorkTimer) != 0) {
      clear_work(kWorkTimer);
      process_->timers->check_cpu(*process_);
    } else if ((bits & kWorkBarrier) != 0) {
      clear_work(kWorkBarrier);
      mm_->barrier_passed().wake_all();
    } else if ((bits & (kWorkStop | kWorkTrap)) != 0 && trace.traced.load(std::memory_order_relaxed)) {
      co_await trace_trap(*this);
    } else if ((bits & (kWorkStop | kWorkTrap)) != 0) {
      clear_work(kWorkTrap);  // its tracer has gone
      if ((bits & kWorkStop) != 0) co_await stop_thread(*this);
    } else if ((bits & kWorkSignal) != 0 && trace.traced.load(std::memory_order_relaxed)) {
      co_await deliver_signals_traced(*this);
    } else if ((bits & kWorkSignal) != 0) {
      deliver_signals(*this);
    } else if ((bits & kWorkSequences) != 0) {  // last: nothing that waits comes between this and the program
      clear_work(kWorkSequences);
      renew_sequences(*this);
    } else if (sequences_have_moved(*this)) {
      renew_sequences(*this);
    } else {
      if ((bits & kWorkTrace) != 0) co_await traced_round();
      co_return true;
    }
  }
}

void Thread::set_work(u32 bits) {
  work_.fetch_or(bits, std::memory_order_seq_cst);
  if (in_program_.load(std::memory_order_seq_cst)) {
    SpinGuard guard(lock_);
    if (native_) (void)native_.interrupt();
  } else if (asleep_.load(std::memory_order_seq_cst)) {
    SpinGuard guard(lock_);
    if (sleeping_in_ != nullptr) sleeping_in_->notify(WakeReason::kSignal);
  }
}

Ref<const Credentials> Thread::credentials() const {
  SpinGuard guard(lock_);
  return credentials_;
}

void Thread::set_credentials(Ref<const Credentials> credentials) {
  SpinGuard guard(lock_);
  std::swap(credentials_, credentials);
}

Ref<const Namespaces> Thread::get_namespaces() const {
  SpinGuard guard(lock_);
  return namespaces_;
}

void Thread::set_namespaces(Ref<const Namespaces> namespaces) {
  SpinGuard guard(lock_);
  std::swap(namespaces_, namespaces);
}

Ref<Mm> Thread::get_mm() const {
  SpinGuard guard(lock_);
  return mm_;
}

Ref<FdTable> Thread::get_files() const {
  SpinGuard guard(lock_);
  return files_;
}

Ref<FsContext> Thread::get_fs() const {
  SpinGuard guard(lock_);
  return fs_;
}

void Thread::set_files(Ref<FdTable> files) {
  SpinGuard guard(lock_);
  std::swap(files_, files);
}

void Thread::set_fs(Ref<FsContext> fs) {
  SpinGuard guard(lock_);
  std::swap(fs_, fs);
}

std::string Thread::comm() const {
  SpinGuard guard(lock_);
  return comm_;
}

void Thread::set_comm(std::string_view name) {
  SpinGuard guard(lock_);
  comm_ = name.substr(0, 15);
}

char Thread::state_letter() const {
  if (trace.stopped) return 't';
  if (stopped.load(std::memory_order_relaxed)) return 'T';
  SpinGuard guard(lock_);
  if (gone_) return 'Z';
  if (sleeping_in_ != nullptr) return sleeping_in_->mode_ == Waiter::kInterruptible ? 'S' : 'D';
  return 'R';
}

Thread::CpuTime Thread::cpu_time() const {
  SpinGuard guard(lock_);
  CpuTime time{.user_ns = past_cpu_ns_};
  if (!native_) return time;
  if (const auto info = native_.handle().thread_info()) {
    time.user_ns += info->user_ns;
    time.system_ns += info->system_ns;
  }
  return time;
}

}  // namespace hati::linux
