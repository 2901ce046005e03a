// SPDX-License-Identifier: MIT
// The driver against a model of the device.
#include "drivers/uart/uart.h"

#include <deque>

#include "drivers/uart/registers.h"
#include "runtime/combine.h"
#include "runtime/tests/run.h"

namespace hati::uart {
namespace {

constexpr u16 kPort = 0x3f8;
constexpr u32 kGsi = 4;

// A 16550 whose transmitter takes a while.
class Model : public hosted::PortDevice {
 public:
  Model() { hosted::attach_ports(kPort, 8, this); }
  ~Model() override { hosted::attach_ports(kPort, 8, nullptr); }

  u32 read(u32 offset, u32) override {
    if (offset == kData) return divisor_access() ? divisor_ & 0xff : take_input();
    if (offset == kInterruptIdentity) return pending() ? 0 : 1;
    if (offset != kLineStatus) return 0;
    return (input_.empty() ? 0u : 1u) | (fifo_.empty() ? 0x60u : 0u);
  }
  void write(u32 offset, u32, u32 value) override {
    if (offset == kLineControl) line_control_ = static_cast<u8>(value);
    if (offset == kData && divisor_access()) {
      divisor_ = (divisor_ & 0xff00) | value;
    } else if (offset == kData) {
      EXPECT_LT(fifo_.size(), kFifoBytes) << "written to a full FIFO";
      fifo_.push_back(static_cast<u8>(value));
    } else if (offset == kInterruptEnable && divisor_access()) {
      divisor_ = (divisor_ & 0xff) | value << 8;
    } else if (offset == kInterruptEnable) {
      enabled_ = static_cast<u8>(value);
    }
    update();
  }
  // From outside: bytes come in over the line.
  void type(std::string_view text) {
    for (const char c : text) input_.push_back(static_cast<u8>(c));
    hosted::raise_interrupt(kGsi);
  }
  // Time passes: the FIFO drains.
  void drain() {
    while (!fifo_.empty()) output_ += static_cast<char>(fifo_.front()), fifo_.pop_front();
    hosted::raise_interrupt(kGsi);
  }
  const std::string& output() const { return output_; }
  u32 divisor() const { return divisor_; }
  u8 line_control() const { return line_control_; }

 private:
  bool divisor_access() const { return LineControl::DivisorAccess::is_set(line_control_); }
  bool pending() const {
    const bool received = InterruptEnable::Received::is_set(enabled_) && !input_.empty();
    return received || (InterruptEnable::TransmitterEmpty::is_set(enabled_) && fifo_.empty());
  }
  u32 take_input() {
    if (input_.empty()) return 0;
    const u8 byte = input_.front();
    input_.pop_front();
    return byte;
  }
  void update() {
    const bool now = pending();
    if (now && !line_) hosted::raise_interrupt_locked(kGsi);
    line_ = now;
  }

  std::deque<u8> fifo_, input_;
  std::string output_;
  u8 enabled_ = 0, line_control_ = 3;
  u32 divisor_ = 1;
  bool line_ = false;
};

Uart make_device(Handle resource, Buffers& buffers) {
  return Uart(*PortRange::create(resource, kPort, 8), *Interrupt::create(resource, kGsi, InterruptFlags::kEdgeHigh), buffers);
}

// The line's own pace.
Task<void> drain_steadily(Model& model) {
  while (co_await sleep_for(kNsPerMs)) model.drain();
}

// Runs `body` as a client of a driver on a fresh model.
Task<void> with_client(Model& model, Task<void> (*body)(Client<console::ConsoleProtocol>&, Model&)) {
  OwnedHandle resource(hosted::resource());
  Buffers buffers;
  Uart device = make_device(resource.get(), buffers);
  EXPECT_TRUE(device.open());
  auto ends = *Channel::create();
  Scope scope;
  scope.start(device.run());
  scope.start(drain_steadily(model));
  scope.start(serve<console::ConsoleProtocol>(std::move(ends.first), device));
  {
    Client<console::ConsoleProtocol> client(std::move(ends.second));
    co_await body(client, model);
  }
  scope.cancel();
  co_await scope.join();
}
void check(Task<void> (*body)(Client<console::ConsoleProtocol>&, Model&)) {
  for (u64 seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Model model;
    Simulation simulation(seed, 1);
    ASSERT_EQ(simulation.run(testing::finished(with_client(model, body))), 7);
  }
}

Task<void> writes(Client<console::ConsoleProtocol>& client, Model& model) {
  std::string expected;
  for (int i = 0; i < 12; ++i) {
    Attachments in;
    for (int k = 0; k < 3000; ++k) {
      const char c = static_cast<char>('a' + (i + k) % 26);
      in.payload.push_back(static_cast<std::byte>(c));
      expected += c;
    }
    const auto written = co_await client.call(console::WriteRequest{}, &in);
    EXPECT_TRUE(written && written->bytes == 3000);
  }
  EXPECT_TRUE(co_await client.call(console::DrainRequest{}));
  EXPECT_EQ(model.output(), expected);
}
TEST(Uart, WritesMoreThanItsBuffersHold) { check(writes); }

Task<void> reads(Client<console::ConsoleProtocol>& client, Model& model) {
  model.type("hello");
  std::string got;
  while (got.size() < 11) {
    Attachments out;
    const auto read = co_await client.call(console::ReadRequest{.bytes_max = 3}, nullptr, &out);
    EXPECT_TRUE(read && out.payload.size() >= 1 && out.payload.size() <= 3);
    for (const std::byte b : out.payload) got += static_cast<char>(b);
    if (got == "hello") model.type(" world");
  }
  EXPECT_EQ(got, "hello world");
}
TEST(Uart, ReadsWhatIsTyped) { check(reads); }

Task<Result<console::ReadReply>> read_one(Client<console::ConsoleProtocol>& client) {
  Attachments out;
  co_return co_await client.call(console::ReadRequest{.bytes_max = 1}, nullptr, &out);
}
Task<void> second_reader(Client<console::ConsoleProtocol>& client, Model& model) {
  Scope scope;
  const auto waiting = [](Client<console::ConsoleProtocol>& c) -> Task<void> { EXPECT_TRUE(co_await read_one(c)); };
  scope.start(waiting(client));
  (void)co_await sleep_for(1000);
  EXPECT_EQ((co_await read_one(client)).error(), Error::kBusy);
  EXPECT_EQ((co_await client.call(console::ReadRequest{.bytes_max = 0})).error(), Error::kInvalidArgument);
  model.type("x");
  co_await scope.join();
}
TEST(Uart, OneReaderAtATime) { check(second_reader); }

Task<void> sets_line(Client<console::ConsoleProtocol>& client, Model& model) {
  EXPECT_TRUE(
      co_await client.call(console::SetLineRequest{.baud = 9600, .data_bits = 7, .stop_bits = 2, .parity = console::Parity::kEven}));
  EXPECT_EQ(model.divisor(), 12u);
  EXPECT_EQ(model.line_control(), 0x1e);
  const console::SetLineRequest odd_rate{.baud = 9601, .data_bits = 8, .stop_bits = 1, .parity = console::Parity::kNone};
  EXPECT_EQ((co_await client.call(odd_rate)).error(), Error::kInvalidArgument);
  const console::SetLineRequest no_such_parity{.baud = 9600, .data_bits = 8, .stop_bits = 1, .parity = static_cast<console::Parity>(7)};
  EXPECT_EQ((co_await client.call(no_such_parity)).error(), Error::kInvalidArgument);
}
TEST(Uart, SetsTheLine) { check(sets_line); }

// One driver after the other on the same buffers, each killed after a while; the client repeats what was not answered.
class Mortal {
 public:
  explicit Mortal(u64 stream) : stream_(stream) {}

  Task<void> live(Uart& device, Model& model, u64 life_ns, std::string_view text) {
    EXPECT_TRUE(device.open());
    auto ends = *Channel::create();
    Client<console::ConsoleProtocol> client(std::move(ends.second));
    Scope driver, user;
    driver.start(device.run());
    driver.start(drain_steadily(model));
    driver.start(serve<console::ConsoleProtocol>(std::move(ends.first), device));
    user.start(write(client, text));
    user.start(read(client));
    (void)co_await sleep_for(life_ns);
    driver.cancel();
    co_await driver.join();
    user.cancel();
    co_await user.join();
  }
  u64 written() const { return written_; }
  const std::string& got() const { return got_; }

 private:
  static constexpr usize kChunk = 700;

  Task<void> write(Client<console::ConsoleProtocol>& client, std::string_view text) {
    while (written_ < text.size()) {
      Attachments in;
      for (const char c : text.substr(written_, kChunk)) in.payload.push_back(static_cast<std::byte>(c));
      const auto reply = co_await client.call(console::WriteRequest{.stream = stream_, .position = written_}, &in);
      if (!reply || reply->bytes != in.payload.size()) co_return;
      written_ += reply->bytes;
    }
  }
  Task<void> read(Client<console::ConsoleProtocol>& client) {
    for (;;) {
      Attachments out;
      const auto reply =
          co_await client.call(console::ReadRequest{.bytes_max = 5, .stream = stream_, .position = got_.size()}, nullptr, &out);
      if (!reply) co_return;
      for (const std::byte b : out.payload) got_ += static_cast<char>(b);
    }
  }

  const u64 stream_;
  u64 written_ = 0;
  std::string got_;
};

Task<void> dies_again_and_again(Model& model) {
  OwnedHandle resource(hosted::resource());
  Buffers buffers;
  Mortal client(77);
  std::string text, typed;
  for (int i = 0; i < 40000; ++i) text += static_cast<char>('a' + i % 26);
  for (int life = 0; life < 2000 && (model.output().size() < text.size() || client.got().size() < typed.size()); ++life) {
    Uart device = make_device(resource.get(), buffers);
    const std::string key = std::to_string(life) + " ";
    if (life < 50) typed += key, model.type(key);
    co_await client.live(device, model, kNsPerMs * (2 + life % 7) + 1234 * static_cast<u64>(life), text);
  }
  EXPECT_EQ(model.output(), text);
  EXPECT_EQ(client.got(), typed);
}
TEST(Uart, NothingIsLostOrDoubledWhenItDies) {
  for (u64 seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Model model;
    Simulation simulation(seed, 1);
    ASSERT_EQ(simulation.run(testing::finished(dies_again_and_again(model))), 7);
  }
}

TEST(Uart, NoDevice) {
  OwnedHandle resource(hosted::resource());
  Buffers buffers;
  Uart device = make_device(resource.get(), buffers);
  EXPECT_EQ(device.open(), fail(Error::kIo));
}

}  // namespace
}  // namespace hati::uart
