// SPDX-License-Identifier: MIT
#include "drivers/uart/uart.h"

#include <algorithm>

#include "drivers/uart/registers.h"
#include "runtime/combine.h"
#include "runtime/log.h"

namespace hati::uart {

namespace {

constexpr usize kReadMax = 4096;
// Bytes sent in one go before others get a turn; a transmitter that is never full would keep us forever.
constexpr u32 kBurst = 256;

}  // namespace

Result<void> Uart::open() {
  TRY(ports_.write8(kInterruptEnable, 0));
  TRY(ports_.write8(kFifoControl, FifoControl::Enable::kMask | FifoControl::Trigger::make(2)));
  // An absent device reads as all ones.
  if (TRY(ports_.read8(kLineStatus)) == 0xff) return fail(Error::kIo);
  TRY(ports_.write8(kModemControl,
                    ModemControl::DataTerminalReady::kMask | ModemControl::RequestToSend::kMask | ModemControl::Out2::kMask));
  return enable_interrupts(!to_send_.empty());
}

Result<void> Uart::enable_interrupts(bool transmitter) {
  transmitter_interrupt_ = transmitter;
  constexpr u8 kAlways = InterruptEnable::Received::kMask | InterruptEnable::LineStatus::kMask;
  return ports_.write8(kInterruptEnable, kAlways | InterruptEnable::TransmitterEmpty::make(transmitter));
}

Result<void> Uart::receive() {
  bool any = false;
  for (;;) {
    const u8 status = TRY(ports_.read8(kLineStatus));
    if (LineStatus::Overrun::is_set(status)) ++overrun_;
    if (!LineStatus::DataReady::is_set(status)) break;
    const u8 byte = TRY(ports_.read8(kData));
    any = true;
    if (LineStatus::Break::is_set(status)) {
      ++breaks_;
    } else if (received_.room() == 0) {
      ++overrun_;
    } else {
      received_.push(byte);
    }
  }
  if (any) input_.wake_all();
  return {};
}

Result<void> Uart::transmit() {
  for (u32 sent = 0; !to_send_.empty() && sent < kBurst;) {
    if (!LineStatus::TransmitterEmpty::is_set(TRY(ports_.read8(kLineStatus)))) break;
    for (u32 i = 0; i < kFifoBytes && !to_send_.empty(); ++i, ++sent) {
      TRY(ports_.write8(kData, to_send_.peek(0)));
      to_send_.drop(1);
    }
  }
  if (const bool more = !to_send_.empty(); more != transmitter_interrupt_) TRY(enable_interrupts(more));
  if (to_send_.room() != 0) room_.wake_all();
  return {};
}

Result<void> Uart::service() {
  // An edge-triggered line gives no second edge while anything is pending, so everything is served before the acknowledgement.
  do {
    TRY(receive());
    TRY(transmit());
  } while (!InterruptIdentity::None::is_set(TRY(ports_.read8(kInterruptIdentity))));
  return {};
}

Task<void> Uart::run() {
  // What happened while nobody was here gave its edge to a driver that is gone.
  if (auto served = service(); !served) log_error("the device does not answer: {}", error_name(served.error()));
  for (;;) {
    if (auto waited = co_await interrupt_wait(interrupt_.get()); !waited) co_return;
    if (auto served = service(); !served) log_error("the device does not answer: {}", error_name(served.error()));
    (void)interrupt_.acknowledge();
  }
}

Task<Result<console::WriteReply>> Uart::on(console::WriteRequest request, CallContext& context) {
  const std::span<const std::byte> bytes = context.in.payload;
  const auto guard = CO_TRY(co_await writer_.lock_interruptible());
  usize done = 0;
  if (request.stream != 0) {
    const u64 known = writing_stream_.meet(request.stream, request.position, to_send_.tail());
    if (known - request.position <= bytes.size()) done = known - request.position;
  }
  while (done < bytes.size()) {
    while (to_send_.room() != 0 && done < bytes.size()) to_send_.push(static_cast<u8>(bytes[done++]));
    CO_TRY(transmit());
    if (done == bytes.size()) break;
    async::WaitEntry entry(room_);
    while (to_send_.room() == 0)
      if (!co_await entry.wait()) co_return console::WriteReply{.bytes = done};
  }
  co_return console::WriteReply{.bytes = done};
}

Task<Result<console::ReadReply>> Uart::on(console::ReadRequest request, CallContext& context) {
  if (request.bytes_max == 0) co_return fail(Error::kInvalidArgument);
  if (reading_) co_return fail(Error::kBusy);
  if (request.stream != 0) {
    const u64 known = reading_stream_.meet(request.stream, request.position, received_.head());
    if (request.position - known <= received_.size()) received_.drop(request.position - known);
  }
  reading_ = true;
  Result<void> waited;
  {
    async::WaitEntry entry(input_);
    while (received_.empty() && breaks_ == 0 && waited)
      if (auto woken = co_await entry.wait(); !woken) waited = fail(woken.error());
  }
  reading_ = false;
  CO_TRY(waited);
  const usize count = std::min<usize>({request.bytes_max, kReadMax, received_.size()});
  for (usize i = 0; i < count; ++i) context.out.payload.push_back(static_cast<std::byte>(received_.peek(i)));
  if (request.stream == 0) received_.drop(count);
  co_return console::ReadReply{.overrun = std::exchange(overrun_, 0), .breaks = std::exchange(breaks_, 0)};
}

Task<Result<EmptyReply>> Uart::on(console::DrainRequest, CallContext&) {
  const auto guard = CO_TRY(co_await writer_.lock_interruptible());
  {
    async::WaitEntry entry(room_);
    while (!to_send_.empty()) CO_TRY(co_await entry.wait());
  }
  // The device has no interrupt for the last bit leaving the shift register.
  constexpr u64 kCharacterNs = 100'000;
  while (!LineStatus::TransmitterIdle::is_set(CO_TRY(ports_.read8(kLineStatus)))) CO_TRY(co_await sleep_for(kCharacterNs));
  co_return EmptyReply{};
}

Task<Result<EmptyReply>> Uart::on(console::SetLineRequest request, CallContext&) {
  const bool valid = request.baud != 0 && request.baud <= kBaudMax && kBaudMax % request.baud == 0 && request.data_bits >= 5 &&
                     request.data_bits <= 8 && (request.stop_bits == 1 || request.stop_bits == 2) &&
                     request.parity <= console::Parity::kEven;
  if (!valid) co_return fail(Error::kInvalidArgument);
  const u32 divisor = kBaudMax / request.baud;
  u8 control = static_cast<u8>(LineControl::DataBits::make(static_cast<u8>(request.data_bits - 5)) |
                               LineControl::TwoStopBits::make(request.stop_bits == 2));
  if (request.parity != console::Parity::kNone) control |= LineControl::ParityEnable::kMask;
  if (request.parity == console::Parity::kEven) control |= LineControl::ParityEven::kMask;
  CO_TRY(ports_.write8(kLineControl, static_cast<u8>(control | LineControl::DivisorAccess::kMask)));
  CO_TRY(ports_.write8(kData, static_cast<u8>(divisor)));
  CO_TRY(ports_.write8(kInterruptEnable, static_cast<u8>(divisor >> 8)));
  CO_TRY(ports_.write8(kLineControl, control));
  co_return EmptyReply{};
}

}  // namespace hati::uart
