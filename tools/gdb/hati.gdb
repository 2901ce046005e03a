# SPDX-License-Identifier: MIT
# Read by `hati debug` before it connects. Also of use by hand: gdb -x tools/gdb/hati.gdb build/hati
set pagination off
set confirm off
set print pretty on
set print asm-demangle on
set disassembly-flavor att
set architecture i386:x86-64
# The stub of QEMU shows each CPU as a thread.
set schedule-multiple on

define hati-cpus
  thread apply all -s backtrace 12
end
document hati-cpus
Shows what each CPU is doing, twelve frames deep.
end

define hati-panic
  hbreak hati::panic_stop
  continue
end
document hati-panic
Runs until the kernel panics and stops there.
end
