// SPDX-License-Identifier: MIT
// Requests on terminals (tty_ioctl(4)), one small function for each kind.
#include "servers/linux/signal/send.h"
#include "servers/linux/tty/terminal.h"

namespace hati::linux {

namespace {

// Changes from the background stop the caller with SIGTTOU first.
bool changes_terminal(u32 request) {
  switch (request) {
    case kTcSets: case kTcSetsW: case kTcSetsF: case kTcSets2: case kTcSetsW2: case kTcSetsF2: case kTcSbrk: case kTcSbrkP: case kTcXonc: case kTcFlsh:
    case kTiocSetd:
      return true;
    default:
      return false;
  }
}

Task<SysResult<i64>> change_settings(Thread& thread, Ref<Terminal> terminal, u32 request, u64 argument) {
  const Termios termios = CO_TRY(thread.memory().get(UserPtr<Termios>{argument}));
  if (request != kTcSets && request != kTcSets2) CO_TRY(co_await terminal->drain(thread));
  if (request == kTcSetsF || request == kTcSetsF2) terminal->flush_input();
  terminal->set_termios(termios);
  co_return 0;
}

SysResult<i64> get_settings2(Thread& thread, Terminal& terminal, u64 argument) {
  const Termios2 all{terminal.termios(), 38400, 38400};
  TRY(thread.memory().put(UserPtr<Termios2>{argument}, all));
  return 0;
}

SysResult<i64> flow(Terminal& terminal, u64 action) {
  if (action > 3) return fail(Errno::kINVAL);
  if (action < 2) {
    terminal.set_flow(action == 0);
  } else {
    terminal.send_flow_character(action == 2);
  }
  return 0;
}

SysResult<i64> flush(Terminal& terminal, u64 which) {
  if (which > 2) return fail(Errno::kINVAL);
  if (which != 1) terminal.flush_input();
  if (which != 0) terminal.flush_output();
  return 0;
}

SysResult<i64> put_int(Thread& thread, u64 address, i32 value) {
  TRY(thread.memory().put(UserPtr<i32>{address}, value));
  return 0;
}

SysResult<i64> foreground(Thread& thread, Terminal& terminal, u32 request, u64 argument, bool own) {
  if (request == kTiocSpgrp) {
    const i32 group = TRY(thread.memory().get(UserPtr<i32>{argument}));
    TRY(terminal.set_foreground(thread, group));
    return 0;
  }
  if (own && !terminal.controls(thread)) return fail(Errno::kNOTTY);
  return put_int(thread, argument, request == kTiocGpgrp ? terminal.foreground_id() : TRY(terminal.session_id()));
}

SysResult<i64> give_up_terminal(Thread& thread, Terminal& terminal) {
  if (!terminal.controls(thread)) return fail(Errno::kNOTTY);
  const Ref<Session> session = thread.process().get_session();
  if (session->id == thread.process().pid) {
    Terminal::detach(*session, false);
  } else {
    terminal.depart(thread.process());
  }
  return 0;
}

SysResult<i64> push_back(Thread& thread, Terminal& terminal, u64 argument) {
  if (!terminal.controls(thread) && !thread.capable(kCapSysAdmin)) return fail(Errno::kPERM);
  const u8 c = TRY(thread.memory().get(UserPtr<u8>{argument}));
  terminal.input({&c, 1});
  return 0;
}

SysResult<i64> window(Thread& thread, Terminal& terminal, u32 request, u64 argument) {
  if (request == kTiocSwinsz) {
    terminal.set_window_size(TRY(thread.memory().get(UserPtr<WindowSize>{argument})));
  } else {
    TRY(thread.memory().put(UserPtr<WindowSize>{argument}, terminal.window_size()));
  }
  return 0;
}

// The line discipline is always N_TTY, 0.
SysResult<i64> set_discipline(Thread& thread, u64 argument) {
  if (TRY(thread.memory().get(UserPtr<i32>{argument})) != 0) return fail(Errno::kINVAL);
  return 0;
}

SysResult<i64> simple_request(Thread& thread, Terminal& terminal, u32 request, u64 argument, bool own) {
  switch (request) {
    case kTcGets: TRY(thread.memory().put(UserPtr<Termios>{argument}, terminal.termios())); return 0;
    case kTcGets2: return get_settings2(thread, terminal, argument);
    case kTcXonc: return flow(terminal, argument);
    case kTcFlsh: return flush(terminal, argument);
    case kTiocExcl: terminal.exclusive = true; return 0;
    case kTiocNxcl: terminal.exclusive = false; return 0;
    case kTiocGexcl: return put_int(thread, argument, terminal.exclusive);
    case kTiocSctty: TRY(terminal.become_controlling(thread, argument == 1)); return 0;
    case kTiocNotty: return give_up_terminal(thread, terminal);
    case kTiocGpgrp: case kTiocSpgrp: case kTiocGsid: return foreground(thread, terminal, request, argument, own);
    case kTiocOutq: return put_int(thread, argument, static_cast<i32>(terminal.output_bytes()));
    case kTiocInq: return put_int(thread, argument, static_cast<i32>(terminal.input_bytes()));
    case kTiocSti: return push_back(thread, terminal, argument);
    case kTiocGwinsz: case kTiocSwinsz: return window(thread, terminal, request, argument);
    case kTiocGetd: return put_int(thread, argument, 0);
    case kTiocSetd: return set_discipline(thread, argument);
    case kTiocGdev: return put_int(thread, argument, static_cast<i32>(terminal.device()));
    case kTiocVhangup:
      if (!thread.capable(kCapSysAdmin)) return fail(Errno::kPERM);
      terminal.hang_up();
      return 0;
    default: return fail(Errno::kNOTTY);
  }
}

}  // namespace

Task<SysResult<i64>> terminal_ioctl(Thread& thread, Ref<Terminal> terminal, u32 request, u64 argument, bool own) {
  if (own && changes_terminal(request)) CO_TRY(terminal->check_background(thread, kSigTtou));
  switch (request) {
    case kTcSets: case kTcSetsW: case kTcSetsF: case kTcSets2: case kTcSetsW2: case kTcSetsF2:
      co_return co_await change_settings(thread, terminal, request, argument);
    case kTcSbrk: case kTcSbrkP:
      CO_TRY(co_await terminal->drain(thread));
      co_return 0;
    default:
      co_return simple_request(thread, *terminal, request, argument, own);
  }
}

}  // namespace hati::linux
