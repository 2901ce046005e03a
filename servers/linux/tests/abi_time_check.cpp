// SPDX-License-Identifier: MIT
// abi/linux/time.h against linux/time.h, time_types.h, timex.h, times.h and asm/siginfo.h (sigevent).
#include <asm/param.h>
#include <asm/siginfo.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/times.h>
#include <linux/timex.h>

#include "abi/linux/time.h"
#include "servers/linux/tests/abi_check.h"

namespace hati::linux {

using TheirTimespec = struct ::__kernel_timespec;
SAME_SIZE(KernelTimespec, TheirTimespec);
SAME(KernelTimespec, seconds, TheirTimespec, tv_sec);
SAME(KernelTimespec, nanoseconds, TheirTimespec, tv_nsec);
using TheirTimeval = struct ::timeval;
SAME_SIZE(KernelTimeval, TheirTimeval);
SAME(KernelTimeval, microseconds, TheirTimeval, tv_usec);
using TheirItimerspec = struct ::__kernel_itimerspec;
SAME_SIZE(KernelItimerspec, TheirItimerspec);
SAME(KernelItimerspec, interval, TheirItimerspec, it_interval);
SAME(KernelItimerspec, value, TheirItimerspec, it_value);
using TheirItimerval = struct ::itimerval;
SAME_SIZE(KernelItimerval, TheirItimerval);
SAME(KernelItimerval, interval, TheirItimerval, it_interval);
SAME(KernelItimerval, value, TheirItimerval, it_value);
using TheirTms = struct ::tms;
SAME_SIZE(KernelTms, TheirTms);
SAME(KernelTms, user, TheirTms, tms_utime);
SAME(KernelTms, system, TheirTms, tms_stime);
SAME(KernelTms, child_user, TheirTms, tms_cutime);
SAME(KernelTms, child_system, TheirTms, tms_cstime);
using TheirTimezone = struct ::timezone;
SAME_SIZE(KernelTimezone, TheirTimezone);
SAME(KernelTimezone, minutes_west, TheirTimezone, tz_minuteswest);
SAME(KernelTimezone, dst_time, TheirTimezone, tz_dsttime);

EQUAL(kClockRealtime, CLOCK_REALTIME);
EQUAL(kClockMonotonic, CLOCK_MONOTONIC);
EQUAL(kClockProcessCpu, CLOCK_PROCESS_CPUTIME_ID);
EQUAL(kClockThreadCpu, CLOCK_THREAD_CPUTIME_ID);
EQUAL(kClockMonotonicRaw, CLOCK_MONOTONIC_RAW);
EQUAL(kClockRealtimeCoarse, CLOCK_REALTIME_COARSE);
EQUAL(kClockMonotonicCoarse, CLOCK_MONOTONIC_COARSE);
EQUAL(kClockBoottime, CLOCK_BOOTTIME);
EQUAL(kClockRealtimeAlarm, CLOCK_REALTIME_ALARM);
EQUAL(kClockBoottimeAlarm, CLOCK_BOOTTIME_ALARM);
EQUAL(kClockTai, CLOCK_TAI);
EQUAL(kTimerAbsolute, TIMER_ABSTIME);
EQUAL(kTicksPerSecond, HZ);

using TheirTimex = struct ::__kernel_timex;
SAME_SIZE(KernelTimex, TheirTimex);
SAME(KernelTimex, modes, TheirTimex, modes);
SAME(KernelTimex, offset, TheirTimex, offset);
SAME(KernelTimex, frequency, TheirTimex, freq);
SAME(KernelTimex, max_error, TheirTimex, maxerror);
SAME(KernelTimex, estimated_error, TheirTimex, esterror);
SAME(KernelTimex, status, TheirTimex, status);
SAME(KernelTimex, constant, TheirTimex, constant);
SAME(KernelTimex, precision, TheirTimex, precision);
SAME(KernelTimex, tolerance, TheirTimex, tolerance);
SAME(KernelTimex, time, TheirTimex, time);
SAME(KernelTimex, tick, TheirTimex, tick);
SAME(KernelTimex, pps_frequency, TheirTimex, ppsfreq);
SAME(KernelTimex, pps_jitter, TheirTimex, jitter);
SAME(KernelTimex, pps_shift, TheirTimex, shift);
SAME(KernelTimex, pps_stability, TheirTimex, stabil);
SAME(KernelTimex, pps_jitter_count, TheirTimex, jitcnt);
SAME(KernelTimex, pps_calibrations, TheirTimex, calcnt);
SAME(KernelTimex, pps_errors, TheirTimex, errcnt);
SAME(KernelTimex, pps_stable, TheirTimex, stbcnt);
SAME(KernelTimex, tai, TheirTimex, tai);
EQUAL(kAdjustOffsetRead, ADJ_OFFSET_SS_READ);
EQUAL(kTimexUnsynchronised, STA_UNSYNC);
EQUAL(kTimexError, TIME_ERROR);

using TheirEvent = ::sigevent_t;
SAME_SIZE(SignalEvent, TheirEvent);
SAME(SignalEvent, value, TheirEvent, sigev_value);
SAME(SignalEvent, signal, TheirEvent, sigev_signo);
SAME(SignalEvent, notify, TheirEvent, sigev_notify);
SAME(SignalEvent, thread_id, TheirEvent, sigev_notify_thread_id);
EQUAL(kNotifySignal, SIGEV_SIGNAL);
EQUAL(kNotifyNone, SIGEV_NONE);
EQUAL(kNotifyThread, SIGEV_THREAD);
EQUAL(kNotifyThreadId, SIGEV_THREAD_ID);

}  // namespace hati::linux
