// SPDX-License-Identifier: MIT
// What a test may do to the in-process kernel: attach device models, raise interrupts, take over the clock.
#pragma once

#include "abi/call.h"

namespace hati::hosted {

// A device behind I/O ports. Called under the kernel's lock; may call raise_interrupt_locked().
class PortDevice {
 public:
  virtual ~PortDevice() = default;
  virtual u32 read(u32 offset, u32 width) = 0;
  virtual void write(u32 offset, u32 width, u32 value) = 0;
};

// A handle that create calls accept as the resource.
Handle resource();
// For [first, first + count). Null detaches. The device outlives its use.
void attach_ports(u16 first, u32 count, PortDevice* device);
void raise_interrupt(u32 gsi);
void raise_interrupt_locked(u32 gsi);

// From now on Clock::kMonotonic is this value; it only moves by set_virtual_time.
void set_virtual_time(u64 ns);
void use_real_time();
// Earliest deadline that an operation in the kernel waits for; kNever.
u64 next_kernel_deadline();
// Completes the operations whose time has come.
void expire_kernel_deadlines();

// As memory pressure and age do: clean pages of paged memory leave; pagers with dirty pages get a kWriteBack.
void evict_clean_pages();
void hint_write_back();

// Handles in the table: to find leaks.
usize handle_count();
// Lines given to Call::kLogWrite so far are also kept when this was called with true.
void keep_log(bool keep);
const char* last_log_line();

}  // namespace hati::hosted
