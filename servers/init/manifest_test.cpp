// SPDX-License-Identifier: MIT
#include "servers/init/manifest.h"

#include <gtest/gtest.h>

namespace hati::init {
namespace {

constexpr char kGood[] = R"(
[[server]]
name = "uart"
path = ".hati/drivers/uart"
ports = ["0x3f8-0x3ff", "0x80"]
interrupts = [{ gsi = 4, trigger = "edge-high" }]
offers = ["console"]
priority = "driver"
restart = "always"

[[server]]
name = "linux"
path = ".hati/servers/linux"
handles = ["boot-image", "command-line"]
connect = ["console"]
memory_percent = 100
objects = 4194304
placement = "auto"
power = true
essential = true
)";

TEST(Manifest, ReadsServers) {
  const auto manifest = parse_manifest(kGood);
  ASSERT_TRUE(manifest) << manifest.error().text;
  ASSERT_EQ(manifest->servers.size(), 2u);
  const ServerSpec& uart = manifest->servers[0];
  EXPECT_EQ(uart.name, "uart");
  ASSERT_EQ(uart.ports.size(), 2u);
  EXPECT_EQ(uart.ports[0].first, 0x3f8);
  EXPECT_EQ(uart.ports[0].count, 8u);
  EXPECT_EQ(uart.ports[1].count, 1u);
  ASSERT_EQ(uart.interrupts.size(), 1u);
  EXPECT_EQ(uart.interrupts[0].gsi, 4u);
  EXPECT_EQ(uart.restart, Restart::kAlways);
  EXPECT_EQ(uart.priority, static_cast<u32>(kPriorityDriver));
  EXPECT_FALSE(uart.power);
  const ServerSpec& linux_server = manifest->servers[1];
  EXPECT_EQ(linux_server.handles, (std::vector<std::string>{"boot-image", "command-line"}));
  EXPECT_EQ(linux_server.memory_percent, 100u);
  EXPECT_EQ(linux_server.objects, 4194304u);
  EXPECT_EQ(uart.memory_percent, 25u);
  EXPECT_EQ(uart.objects, 65536u);
  EXPECT_EQ(linux_server.placement, Placement::kAuto);
  EXPECT_TRUE(linux_server.power && linux_server.essential);
}

TEST(Manifest, KillOrders) {
  constexpr std::string_view kLine = "quiet hati.kill=uart:50:3 hati.kill=linux:1:1 hati.kills=uart:9:9";
  const auto order = kill_order(kLine, "uart");
  ASSERT_TRUE(order);
  EXPECT_EQ(order->after_ms, 50u);
  EXPECT_EQ(order->count, 3u);
  EXPECT_FALSE(kill_order(kLine, "ua"));
  EXPECT_FALSE(kill_order("hati.kill=uart:50", "uart"));
  EXPECT_FALSE(kill_order("hati.kill=uart:x:3", "uart"));
}

std::string error_of(std::string_view text) {
  const auto manifest = parse_manifest(text);
  return manifest ? "" : manifest.error().text;
}

TEST(Manifest, RejectsWhatItDoesNotUnderstand) {
  const std::string start = "[[server]]\nname = \"a\"\npath = \"b\"\n";
  EXPECT_EQ(error_of(start), "");
  EXPECT_NE(error_of("[[server]]\nname = \"a\"\n"), "");
  EXPECT_NE(error_of(start + "memory_percent = 0\n"), "");
  EXPECT_NE(error_of(start + "memory_percent = \"all\"\n"), "");
  EXPECT_NE(error_of(start + "objects = -1\n"), "");
  EXPECT_NE(error_of(start + "pots = []\n"), "");
  EXPECT_NE(error_of(start + "power = \"yes\"\n"), "");
  EXPECT_NE(error_of(start + "placement = \"somewhere\"\n"), "");
  EXPECT_NE(error_of(start + "ports = [\"0x3f8-0x3f0\"]\n"), "");
  EXPECT_NE(error_of(start + "ports = [\"0xffff-0x10000\"]\n"), "");
  EXPECT_NE(error_of(start + "interrupts = [{ gsi = -1 }]\n"), "");
  EXPECT_NE(error_of(start + "interrupts = [4]\n"), "");
  EXPECT_NE(error_of(start + start), "");
  EXPECT_NE(error_of("servers = 3\n"), "");
  EXPECT_NE(error_of("[[server"), "");
  EXPECT_NE(error_of("[[server]]\npath = \"b\"\nname = \"" + std::string(28, 'x') + "\"\n"), "");
}

TEST(Manifest, ReadsDrivers) {
  const auto manifest = parse_manifest(
      "[[driver]]\nname = \"disk\"\npath = \"d\"\npci = [\"1af4:1042\"]\nclass = [\"0108\"]\nvectors = 3\noffers = [\"block\"]\nrestart = "
      "\"always\"\n");
  ASSERT_TRUE(manifest) << manifest.error().text;
  ASSERT_EQ(manifest->drivers.size(), 1u);
  const DriverSpec& driver = manifest->drivers[0];
  EXPECT_EQ(driver.server.name, "disk");
  EXPECT_EQ(driver.server.offers, std::vector<std::string>{"block"});
  EXPECT_EQ(driver.interrupts, 3u);
  ASSERT_EQ(driver.matches.size(), 2u);
  EXPECT_TRUE(driver.matches[0].fits({{}, 0x1af4, 0x1042, 0x020000}));
  EXPECT_TRUE(driver.matches[1].fits({{}, 0x8086, 0x0953, 0x010802}));
  EXPECT_FALSE(driver.matches[1].fits({{}, 0x8086, 0x0953, 0x020000}));
}

TEST(Manifest, RejectsDriversOfNothing) {
  const std::string start = "[[driver]]\nname = \"a\"\npath = \"b\"\n";
  const std::string device = "pci = [\"1af4:1042\"]\n";
  EXPECT_EQ(error_of(start + device), "");
  EXPECT_NE(error_of(start), "");
  EXPECT_NE(error_of(start + "pci = [\"1af4\"]\n"), "");
  EXPECT_NE(error_of(start + "class = [\"1\"]\n"), "");
  EXPECT_NE(error_of(start + device + "vectors = 21\n"), "");
  EXPECT_NE(error_of(start + device + "vectors = -1\n"), "");
  EXPECT_NE(error_of(start + device + "ports = [\"0x80\"]\n"), "");
  EXPECT_NE(error_of(start + device + "[[server]]\nname = \"a\"\npath = \"b\"\n"), "") << "two of one name";
  EXPECT_NE(error_of("[[server]]\nname = \"a\"\npath = \"b\"\n" + device), "");
}

TEST(Manifest, PlacementOverride) {
  EXPECT_EQ(placement_override("quiet hati.linux=attached root=/dev/vda", "linux"), Placement::kAttached);
  EXPECT_EQ(placement_override("hati.linux=attached hati.linux=separate", "linux"), Placement::kSeparate);
  EXPECT_EQ(placement_override("hati.linux=nowhere xhati.linux=attached hati.uart=attached", "linux"), std::nullopt);
  EXPECT_EQ(placement_override("", "linux"), std::nullopt);
}

}  // namespace
}  // namespace hati::init
