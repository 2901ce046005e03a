// SPDX-License-Identifier: MIT
// The boot sequence once the machine is set up: memory, objects, processors, the first process.
#include "kernel/main.h"

#include "kernel/arch/arch.h"

namespace hati {

void kernel_main(BootInfo& boot) {
  memory_init(boot);
  object_init();
  scheduler_init_cpu(this_cpu());
  arch::start_other_cpus();
  start_first_process(boot);
}

}  // namespace hati
