// SPDX-License-Identifier: MIT
// Making threads and processes: fork(2), vfork(2), clone(2), clone3(2), and the first process.
#pragma once

#include "abi/linux/process.h"
#include "servers/linux/process/process.h"

namespace hati::linux {

class ThreadFactory {
 public:
  // The checked clone: a thread or process that runs. The thread's coroutine is started.
  static SysResult<Ref<Thread>> clone(Thread& parent, const CloneArguments& arguments);
  // PID 1, without memory or program: exec gives it these.
  static SysResult<Ref<Thread>> first(World& world, Ref<FdTable> files, Ref<FsContext> fs);
  // Starts the coroutine of a thread that has its program.
  static void start(Ref<Thread> thread);

 private:
  struct Parts;
  static SysResult<> check(const Thread& parent, const CloneArguments& arguments);
  static SysResult<> copy_parts(Thread& parent, Thread& child, const CloneArguments& arguments);
  static SysResult<> copy_native(Thread& parent, Thread& child, const CloneArguments& arguments);
  static SysResult<> publish(Thread& parent, Ref<Thread> child, const CloneArguments& arguments);
};

}  // namespace hati::linux
