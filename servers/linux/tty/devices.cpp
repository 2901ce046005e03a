// SPDX-License-Identifier: MIT
// The character devices of terminals: /dev/tty, /dev/console, /dev/ttyS0, /dev/ptmx and /dev/pts/*.
#include "servers/linux/core/world.h"
#include "servers/linux/tty/console.h"
#include "servers/linux/tty/pty.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {

// Made by start_terminals(), never destroyed.
Ref<Console>& console() {
  static Ref<Console> instance;
  return instance;
}

template <class T, class... Args>
Ref<File> make_file(Args&&... args) {
  return Ref<File>(Ref<T>::adopt(std::make_unique<T>(std::forward<Args>(args)...).release()));
}

SysResult<Ref<File>> open_terminal(Thread* thread, Ref<Terminal> terminal, u32 flags) {
  if (terminal->exclusive && (thread == nullptr || !thread->capable(kCapSysAdmin))) return fail(Errno::kBUSY);
  Ref<File> file = make_file<TerminalFile>(terminal, flags, false);
  if (thread != nullptr && (flags & kOpenNoCtty) == 0 && (flags & kOpenAccessMode) != kOpenWriteOnly) terminal->become_controlling_on_open(*thread);
  return file;
}

SysResult<Ref<File>> open_serial(Thread* thread, u64 device, u32 flags) { return open_terminal(thread, console(), flags); }

SysResult<Ref<File>> open_auxiliary(Thread* thread, u64 device, u32 flags) {
  switch (device_minor(device)) {
    case 0: {
      if (thread == nullptr) return fail(Errno::kNXIO);
      Ref<Terminal> terminal = Terminal::controlling(*thread);
      if (!terminal) return fail(Errno::kNXIO);
      return make_file<TerminalFile>(std::move(terminal), flags, false);
    }
    case 1: return make_file<TerminalFile>(console(), flags, true);
    default: {
      const Ref<Pty> pty = TRY(PtyTable::get().create(World::get()));
      if (thread != nullptr) {
        pty->owner_uid = thread->cred().fsuid;
        pty->owner_gid = thread->cred().fsgid;
      }
      return make_file<PtyMaster>(pty, flags);
    }
  }
}

SysResult<Ref<File>> open_slave(Thread* thread, u64 device, u32 flags) {
  const u32 number = (device_major(device) - 136) << 8 | device_minor(device);
  Ref<Pty> pty = PtyTable::get().find(number);
  if (!pty || pty->locked || !pty->master_open) return fail(Errno::kIO);
  return open_terminal(thread, pty, flags);
}

}  // namespace

Task<SysResult<i64>> TerminalFile::ioctl(Thread& thread, u32 request, u64 argument) {
  if (hung_up()) co_return fail(request == kTiocSpgrp ? Errno::kNOTTY : Errno::kIO);
  if (request == kTiocGserial && terminal_.get() == console().get()) {
    const SerialStruct serial{.type = 4, .line = 0, .port = 0x3f8, .irq = 4, .flags = 0, .xmit_fifo_size = 16, .baud_base = 115200};
    CO_TRY(thread.memory().put(UserPtr<SerialStruct>{argument}, serial));
    co_return 0;
  }
  co_return co_await terminal_ioctl(thread, terminal_, request, argument, true);
}

Task<> flush_console(u64 deadline) {
  if (console()) co_await console()->flush(deadline);
}

void start_terminals(World& world) {
  console() = Ref<Console>::adopt(std::make_unique<Console>(world).release());
  register_devices({4, 64, 1, "ttyS", open_serial});
  register_devices({5, 0, 3, "/dev/tty", open_auxiliary});
  register_devices({136, 0, 4096, "pts", open_slave});
  world.scope().start(console()->pump_output());
  world.scope().start(console()->pump_input());
}

}  // namespace hati::linux
