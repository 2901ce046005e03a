// SPDX-License-Identifier: MIT
// Stands in for the process side where the file side's tests reach it: a world without processes, time from the hosted clock, no limits.
#include "runtime/clock.h"
#include "servers/linux/core/services.h"
#include "servers/linux/core/world.h"
#include "servers/linux/fs/tmpfs/tmpfs.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"

namespace hati::linux {

u64 monotonic_ns() { return now_ns(); }
i64 realtime_ns() { return static_cast<i64>(now_ns()) + 1'700'000'000'000'000'000; }

SysResult<u64> check_file_size(Thread& thread, u64 offset, u64 bytes) { return bytes; }
void raise_signal(Thread& thread, i32 signal) { std::abort(); }
bool mapped_writable(Handle memory) { return false; }

}  // namespace hati::linux
