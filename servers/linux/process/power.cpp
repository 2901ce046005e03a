// SPDX-License-Identifier: MIT
// Power (process/power.h) and reboot(2).
#include "servers/linux/process/power.h"

#include "protocols/system.h"
#include "runtime/log.h"
#include "servers/linux/core/services.h"
#include "servers/linux/process/calls.h"
#include "servers/linux/process/process.h"
#include "servers/linux/signal/send.h"
#include "servers/linux/tty/terminal.h"

namespace hati::linux {
namespace {

constexpr u32 kMagic1 = 0xfee1dead;
constexpr u32 kMagics2[] = {672274793, 85072278, 369367448, 537993216};
enum Command : u32 {
  kRestart = 0x01234567, kHalt = 0xcdef0123, kCadOn = 0x89abcdef, kCadOff = 0, kPowerOff = 0x4321fedc, kRestartWith = 0xa1b2c3d4, kSuspend = 0xd000fce2,
  kKexec = 0x45584543,
};

constexpr u64 kFlushTime = 2 * kNsPerSecond;  // a stopped console (^S) does not keep the machine from going down

Task<> ask(World& world, PowerAction action, u32 code) {
  if (!world.system) co_return;
  const system::PowerRequest request{.action = action, .code = code};
  if (const auto reply = co_await world.system.call(request); !reply) log_error("power action {} refused: {}", action, error_name(reply.error()));
}

}  // namespace

Task<> power(World& world, PowerAction action, u32 code) {
  co_await vfs_sync_all(world);
  co_await flush_console(now_ns() + kFlushTime);
  co_await ask(world, action, code);
}

Task<> panic_without_init(World& world, i32 status) {
  TextBuffer<96> text;
  format_to(text, "Kernel panic - not syncing: Attempted to kill init! exitcode={:#x}", static_cast<u32>(status));
  log_line(LogLevel::kError, text.view());
  co_await flush_console(now_ns() + kFlushTime);
  co_await ask(world, PowerAction::kPanic, static_cast<u32>(status));
  // The system is about to stop; nothing that depends on init may run any more.
  Waiter forever(nullptr, Waiter::kUninterruptible);
  for (;;) (void)co_await forever.wait();
}

Task<SysResult<i64>> sys_reboot(Thread& thread, u32 magic1, u32 magic2, u32 command, UserPtr<const char> argument) {
  if (!thread.capable(kCapSysBoot)) co_return fail(Errno::kPERM);
  bool magic = magic1 == kMagic1;
  bool second = false;
  for (const u32 m : kMagics2) second |= magic2 == m;
  if (!magic || !second) co_return fail(Errno::kINVAL);
  World& world = thread.world();
  switch (command) {
    case kCadOn: world.ctrl_alt_del.store(true, std::memory_order_relaxed); co_return 0;
    case kCadOff: world.ctrl_alt_del.store(false, std::memory_order_relaxed); co_return 0;
    case kRestartWith:
      if (auto text = thread.memory().get_string(argument.address, 256); !text && text.error() == Errno::kFAULT) co_return fail(Errno::kFAULT);
      [[fallthrough]];
    case kRestart:
      log_info("reboot: Restarting system");
      co_await power(world, PowerAction::kReboot, 0);
      co_return 0;
    case kHalt:
    case kPowerOff:
      log_info("reboot: Power down");
      co_await power(world, PowerAction::kOff, 0);
      co_return 0;
    case kSuspend:
    case kKexec:
    default: co_return fail(Errno::kINVAL);
  }
}

}  // namespace hati::linux
