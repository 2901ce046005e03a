// SPDX-License-Identifier: MIT
// The pumps between the console's buffers and its driver.
#include "servers/linux/tty/console.h"

#include <algorithm>
#include <cstring>

#include "runtime/combine.h"
#include "runtime/log.h"
#include "servers/linux/core/world.h"
#include "servers/linux/vfs/device.h"

namespace hati::linux {

namespace {
constexpr char kService[] = "console";
constexpr usize kChunk = 4096;
}  // namespace

Console::Console(World& world) : Terminal(world, make_device(4, 64), "ttyS0") {
  (void)call::entropy({reinterpret_cast<u8*>(&stream_), sizeof stream_});
  stream_ |= 1;
  if (world.console) {
    SpinGuard guard(lock_);
    connection_ = Ref<Connection>::adopt(std::make_unique<Connection>(Channel(world.console.release())).release());
  }
}

Ref<Console::Connection> Console::connection() {
  SpinGuard guard(lock_);
  return connection_;
}

// One of the pumps connects, the other finds the new connection.
Task<Result<void>> Console::connect_again(Ref<Connection> broken) {
  auto guard = co_await connecting_.lock();
  if (connection() != broken) co_return Result<void>{};
  system::ConnectRequest request{};
  std::memcpy(request.service, kService, sizeof kService);
  Attachments reply;
  const auto answer =
      co_await rpc_detail::call(world().system.handle(), request.kId, std::as_bytes(std::span(&request, 1)), {}, nullptr, &reply);
  if (!answer) co_return std::unexpected(answer.error());
  if (reply.handles.empty()) co_return std::unexpected(Error::kBadData);
  auto fresh = Ref<Connection>::adopt(std::make_unique<Connection>(Channel(reply.handles[0].release())).release());
  SpinGuard lock(lock_);
  connection_ = std::move(fresh);
  co_return Result<void>{};
}

std::string Console::take_output() {
  SpinGuard guard(lock_);
  if (discipline_.output_stopped()) return {};
  std::string chunk = output_.substr(0, kChunk);
  output_.erase(0, chunk.size());
  in_flight_ = chunk.size();
  return chunk;
}

void Console::output_done(usize bytes) {
  {
    SpinGuard guard(lock_);
    in_flight_ -= std::min(in_flight_, bytes);
  }
  queue().wake_all(kPollOut | kPollWrNorm);
}

Task<> Console::pump_output() {
  Waiter waiter(nullptr);
  waiter.add(pump_wait_, kPollOut);
  for (;;) {
    const std::string chunk = take_output();
    if (chunk.empty()) {
      if (!co_await waiter.wait()) co_return;
      continue;
    }
    for (bool sent = false; !sent;) {
      const Ref<Connection> current = connection();
      if (current) {
        Attachments payload;
        const auto bytes = std::as_bytes(std::span(chunk));
        payload.payload.assign(bytes.begin(), bytes.end());
        sent = (co_await current->client.call(console::WriteRequest{.stream = stream_, .position = bytes_out_}, &payload)).has_value();
      }
      if (!sent && !co_await connect_again(current)) {
        log_error("console: its driver is gone for good");
        co_return;
      }
    }
    bytes_out_ += chunk.size();
    output_done(chunk.size());
  }
}

Task<> Console::flush(u64 deadline) {
  {
    Waiter waiter(nullptr);
    waiter.add(queue(), kPollOut);
    while (output_bytes() > 0)
      if (!co_await waiter.wait(deadline)) co_return;
  }
  const Ref<Connection> current = connection();
  if (current) (void)co_await with_deadline(current->client.call(console::DrainRequest{}), deadline);
}

Task<> Console::accept_input(std::span<const std::byte> bytes) {
  Waiter waiter(nullptr);
  waiter.add(pump_wait_, kPollIn);
  std::span<const u8> left(reinterpret_cast<const u8*>(bytes.data()), bytes.size());
  while (!left.empty()) {
    const usize taken = input(left);
    left = left.subspan(taken);
    if (taken == 0 && !co_await waiter.wait()) co_return;
  }
}

Task<> Console::pump_input() {
  for (;;) {
    const Ref<Connection> current = connection();
    if (current) {
      Attachments reply;
      const auto read = co_await current->client.call(console::ReadRequest{.bytes_max = kChunk, .stream = stream_, .position = bytes_in_},
                                                      nullptr, &reply);
      if (read) {
        for (u32 i = 0; i < read->breaks; ++i) input_break();
        bytes_in_ += reply.payload.size();
        co_await accept_input(reply.payload);
        continue;
      }
    }
    if (!co_await connect_again(current)) co_return;
  }
}

}  // namespace hati::linux
