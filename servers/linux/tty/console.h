// SPDX-License-Identifier: MIT
// The serial console: a Terminal whose bytes travel to and from drivers/uart (protocols/console.h). Two tasks pump them; when the driver dies they ask
// init for a new connection and repeat what was not acknowledged.
#pragma once

#include "protocols/console.h"
#include "protocols/system.h"
#include "runtime/async/mutex.h"
#include "servers/linux/tty/terminal.h"

namespace hati::linux {

class Console final : public Terminal {
 public:
  explicit Console(World& world);

  Task<> pump_output();
  Task<> pump_input();
  // Returns when all output has left the driver's transmitter, or at the deadline.
  Task<> flush(u64 deadline);

 protected:
  usize output_room() const override HATI_REQUIRES(lock_) { return output_.size() >= kOutputMax ? 0 : kOutputMax - output_.size(); }
  void send(std::string_view bytes) override HATI_REQUIRES(lock_) { output_ += bytes; }
  void discard_output() override HATI_REQUIRES(lock_) { output_.clear(); }
  usize output_pending() const override HATI_REQUIRES(lock_) { return output_.size() + in_flight_; }
  void output_ready() override { pump_wait_.wake_all(kPollOut); }
  void input_consumed() override { pump_wait_.wake_all(kPollIn); }

 private:
  struct Connection : RefCounted<Connection> {
    explicit Connection(Channel channel) : client(std::move(channel)) {}
    static void destroy(Connection* connection) { delete connection; }
    Client<console::ConsoleProtocol> client;
  };
  static constexpr usize kOutputMax = 16384;

  std::string take_output() HATI_EXCLUDES(lock_);
  void output_done(usize bytes) HATI_EXCLUDES(lock_);
  Ref<Connection> connection() HATI_EXCLUDES(lock_);
  Task<Result<void>> connect_again(Ref<Connection> broken);
  Task<> accept_input(std::span<const std::byte> bytes);

  WaitQueue pump_wait_;
  async::Mutex connecting_;
  std::string output_ HATI_GUARDED_BY(lock_);
  u64 stream_ = 0;  // protocols/console.h; constant
  u64 bytes_out_ = 0;  // acknowledged; of pump_output()
  u64 bytes_in_ = 0;  // of pump_input()
  usize in_flight_ HATI_GUARDED_BY(lock_) = 0;
  Ref<Connection> connection_ HATI_GUARDED_BY(lock_);
};

}  // namespace hati::linux
