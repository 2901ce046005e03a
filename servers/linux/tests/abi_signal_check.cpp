// SPDX-License-Identifier: MIT
// abi/linux/signal.h against linux/signal.h, asm/siginfo.h, asm/sigcontext.h, asm/ucontext.h.
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <linux/signal.h>

// Not in alphabetical order: it needs the types above.
#include <asm/ucontext.h>
#undef sa_handler
#undef sa_sigaction

#include "abi/linux/signal.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

EQUAL(kSigHup, SIGHUP);
EQUAL(kSigInt, SIGINT);
EQUAL(kSigQuit, SIGQUIT);
EQUAL(kSigIll, SIGILL);
EQUAL(kSigTrap, SIGTRAP);
EQUAL(kSigAbrt, SIGABRT);
EQUAL(kSigBus, SIGBUS);
EQUAL(kSigFpe, SIGFPE);
EQUAL(kSigKill, SIGKILL);
EQUAL(kSigUsr1, SIGUSR1);
EQUAL(kSigSegv, SIGSEGV);
EQUAL(kSigUsr2, SIGUSR2);
EQUAL(kSigPipe, SIGPIPE);
EQUAL(kSigAlrm, SIGALRM);
EQUAL(kSigTerm, SIGTERM);
EQUAL(kSigStkFlt, SIGSTKFLT);
EQUAL(kSigChld, SIGCHLD);
EQUAL(kSigCont, SIGCONT);
EQUAL(kSigStop, SIGSTOP);
EQUAL(kSigTstp, SIGTSTP);
EQUAL(kSigTtin, SIGTTIN);
EQUAL(kSigTtou, SIGTTOU);
EQUAL(kSigUrg, SIGURG);
EQUAL(kSigXcpu, SIGXCPU);
EQUAL(kSigXfsz, SIGXFSZ);
EQUAL(kSigVtAlrm, SIGVTALRM);
EQUAL(kSigProf, SIGPROF);
EQUAL(kSigWinch, SIGWINCH);
EQUAL(kSigIo, SIGIO);
EQUAL(kSigPwr, SIGPWR);
EQUAL(kSigSys, SIGSYS);
EQUAL(kSigRtMin, SIGRTMIN);
static_assert(kSigRtMax == 8 * sizeof(::sigset_t));  // SIGRTMAX is _NSIG, which uapi does not say

EQUAL(kSiUser, SI_USER);
EQUAL(kSiKernel, SI_KERNEL);
EQUAL(kSiQueue, SI_QUEUE);
EQUAL(kSiTimer, SI_TIMER);
EQUAL(kSiMesgQ, SI_MESGQ);
EQUAL(kSiAsyncIo, SI_ASYNCIO);
EQUAL(kSiSigIo, SI_SIGIO);
EQUAL(kSiTkill, SI_TKILL);
EQUAL(kIllOpcode, ILL_ILLOPC);
EQUAL(kIllOperand, ILL_ILLOPN);
EQUAL(kFpeIntDivide, FPE_INTDIV);
EQUAL(kFpeIntOverflow, FPE_INTOVF);
EQUAL(kFpeFltDivide, FPE_FLTDIV);
EQUAL(kFpeFltOverflow, FPE_FLTOVF);
EQUAL(kFpeFltUnderflow, FPE_FLTUND);
EQUAL(kFpeFltInexact, FPE_FLTRES);
EQUAL(kFpeFltInvalid, FPE_FLTINV);
EQUAL(kSegvMapErr, SEGV_MAPERR);
EQUAL(kSegvAccErr, SEGV_ACCERR);
EQUAL(kBusAdrAln, BUS_ADRALN);
EQUAL(kBusAdrErr, BUS_ADRERR);
EQUAL(kBusObjErr, BUS_OBJERR);
EQUAL(kTrapBreakpoint, TRAP_BRKPT);
EQUAL(kTrapTrace, TRAP_TRACE);
EQUAL(kTrapHwBreakpoint, TRAP_HWBKPT);
EQUAL(kCldExited, CLD_EXITED);
EQUAL(kCldKilled, CLD_KILLED);
EQUAL(kCldDumped, CLD_DUMPED);
EQUAL(kCldTrapped, CLD_TRAPPED);
EQUAL(kCldStopped, CLD_STOPPED);
EQUAL(kCldContinued, CLD_CONTINUED);

using TheirInfo = ::siginfo_t;
SAME_SIZE(SignalInfo, TheirInfo);
SAME(SignalInfo, signal, TheirInfo, si_signo);
SAME(SignalInfo, error, TheirInfo, si_errno);
SAME(SignalInfo, code, TheirInfo, si_code);
// What the functions reach in the union.
inline constexpr size_t kFields = offsetof(SignalInfo, fields);
static_assert(offsetof(TheirInfo, si_pid) == kFields && offsetof(TheirInfo, si_uid) == kFields + 4);                    // set_sender
static_assert(offsetof(TheirInfo, _sifields._rt._sigval) == kFields + 8);                                               // set_value
static_assert(offsetof(TheirInfo, _sifields._timer._sigval) == kFields + 8);
static_assert(offsetof(TheirInfo, si_status) == kFields + 8 && sizeof(TheirInfo::_sifields._sigchld._status) == 4);      // set_child
static_assert(offsetof(TheirInfo, si_utime) == kFields + 16 && offsetof(TheirInfo, si_stime) == kFields + 24);
static_assert(offsetof(TheirInfo, si_tid) == kFields && offsetof(TheirInfo, si_overrun) == kFields + 4);                // set_timer
static_assert(offsetof(TheirInfo, si_addr) == kFields);                                                                 // set_address
static_assert(offsetof(TheirInfo, si_band) == kFields && offsetof(TheirInfo, si_fd) == kFields + 8);                    // set_band

EQUAL(kSaNoChildStop, SA_NOCLDSTOP);
EQUAL(kSaNoChildWait, SA_NOCLDWAIT);
EQUAL(kSaSigInfo, SA_SIGINFO);
EQUAL(kSaExposeTagBits, SA_EXPOSE_TAGBITS);
EQUAL(kSaRestorer, SA_RESTORER);
EQUAL(kSaOnStack, SA_ONSTACK);
EQUAL(kSaRestart, SA_RESTART);
EQUAL(kSaNoDefer, SA_NODEFER);
EQUAL(kSaResetHand, SA_RESETHAND);
static_assert(kSignalCount / 8 == sizeof(::sigset_t) && sizeof(SignalSet) == sizeof(::sigset_t));

using TheirAction = struct ::sigaction;
SAME_SIZE(SignalAction, TheirAction);
SAME(SignalAction, handler, TheirAction, sa_handler);
SAME(SignalAction, flags, TheirAction, sa_flags);
SAME(SignalAction, restorer, TheirAction, sa_restorer);
SAME(SignalAction, mask, TheirAction, sa_mask);

using TheirStack = ::stack_t;
SAME_SIZE(SignalStack, TheirStack);
SAME(SignalStack, pointer, TheirStack, ss_sp);
SAME(SignalStack, flags, TheirStack, ss_flags);
SAME(SignalStack, size, TheirStack, ss_size);
EQUAL(kStackOnStack, SS_ONSTACK);
EQUAL(kStackDisable, SS_DISABLE);
EQUAL(kStackAutoDisarm, SS_AUTODISARM);
EQUAL(kMinSignalStack, MINSIGSTKSZ);

using TheirContext = struct ::sigcontext;
SAME_SIZE(SignalContext, TheirContext);
SAME(SignalContext, r8, TheirContext, r8);
SAME(SignalContext, r15, TheirContext, r15);
SAME(SignalContext, rdi, TheirContext, rdi);
SAME(SignalContext, rsi, TheirContext, rsi);
SAME(SignalContext, rbp, TheirContext, rbp);
SAME(SignalContext, rbx, TheirContext, rbx);
SAME(SignalContext, rdx, TheirContext, rdx);
SAME(SignalContext, rax, TheirContext, rax);
SAME(SignalContext, rcx, TheirContext, rcx);
SAME(SignalContext, rsp, TheirContext, rsp);
SAME(SignalContext, rip, TheirContext, rip);
SAME(SignalContext, rflags, TheirContext, eflags);
SAME(SignalContext, cs, TheirContext, cs);
SAME(SignalContext, ss, TheirContext, ss);
SAME(SignalContext, error, TheirContext, err);
SAME(SignalContext, trap_number, TheirContext, trapno);
SAME(SignalContext, old_mask, TheirContext, oldmask);
SAME(SignalContext, fault_address, TheirContext, cr2);
SAME(SignalContext, fpstate, TheirContext, fpstate);
SAME(SignalContext, reserved, TheirContext, reserved1);

using TheirUserContext = struct ::ucontext;
SAME_SIZE(UserContext, TheirUserContext);
SAME(UserContext, flags, TheirUserContext, uc_flags);
SAME(UserContext, link, TheirUserContext, uc_link);
SAME(UserContext, stack, TheirUserContext, uc_stack);
SAME(UserContext, context, TheirUserContext, uc_mcontext);
SAME(UserContext, mask, TheirUserContext, uc_sigmask);
EQUAL(kUcFpXstate, UC_FP_XSTATE);
EQUAL(kUcSigContextSs, UC_SIGCONTEXT_SS);
EQUAL(kUcStrictRestoreSs, UC_STRICT_RESTORE_SS);

using TheirNote = struct ::_fpx_sw_bytes;
SAME_SIZE(ExtendedStateNote, TheirNote);
SAME(ExtendedStateNote, magic1, TheirNote, magic1);
SAME(ExtendedStateNote, extended_size, TheirNote, extended_size);
SAME(ExtendedStateNote, features, TheirNote, xfeatures);
SAME(ExtendedStateNote, state_size, TheirNote, xstate_size);
EQUAL(kExtendedMagic1, FP_XSTATE_MAGIC1);
EQUAL(kExtendedMagic2, FP_XSTATE_MAGIC2);
static_assert(kExtendedNoteOffset == offsetof(struct ::_fpstate_64, sw_reserved));

}  // namespace hati::linux
