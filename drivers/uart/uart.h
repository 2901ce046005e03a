// SPDX-License-Identifier: MIT
// The device: buffers and interrupt handling. One worker runs everything here, so there are no locks; what waits are coroutines.
#pragma once

#include <array>

#include "base/bits.h"
#include "protocols/console.h"
#include "runtime/async/mutex.h"
#include "runtime/async/wait_list.h"
#include "runtime/handle.h"

namespace hati::uart {

// A byte ring of fixed size.
template <usize kCapacity>
class ByteRing {
  static_assert((kCapacity & (kCapacity - 1)) == 0);

 public:
  usize size() const { return tail_ - head_; }
  usize room() const { return kCapacity - size(); }
  bool empty() const { return head_ == tail_; }
  void push(u8 byte) { bytes_[tail_++ % kCapacity] = byte; }
  u8 pop() { return bytes_[head_++ % kCapacity]; }

 private:
  std::array<u8, kCapacity> bytes_;
  usize head_ = 0, tail_ = 0;
};

class Uart {
 public:
  Uart(PortRange ports, Interrupt interrupt) : ports_(std::move(ports)), interrupt_(std::move(interrupt)) {}

  // FIFOs on, receive interrupts on. The line parameters stay as they are. kIo: there is no 16550.
  Result<void> open();
  // Serves interrupts until cancelled.
  Task<void> run();

  // The calls of protocols/console.h; any number of clients share the device.
  Task<Result<console::WriteReply>> on(console::WriteRequest request, CallContext& context);
  Task<Result<console::ReadReply>> on(console::ReadRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(console::DrainRequest request, CallContext& context);
  Task<Result<EmptyReply>> on(console::SetLineRequest request, CallContext& context);

 private:
  static constexpr usize kReceiveBytes = 8192, kTransmitBytes = 16384;

  Result<void> service();   // everything the device has to say now
  Result<void> receive();
  Result<void> transmit();  // fills the FIFO; asks for an interrupt if more is left
  Result<void> enable_interrupts(bool transmitter);

  const PortRange ports_;
  const Interrupt interrupt_;
  ByteRing<kReceiveBytes> received_;
  ByteRing<kTransmitBytes> to_send_;
  u32 overrun_ = 0, breaks_ = 0;
  bool transmitter_interrupt_ = false;
  bool reading_ = false;
  async::WaitList input_, room_;
  async::Mutex writer_;  // one message after the other
};

}  // namespace hati::uart
