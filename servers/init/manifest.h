// SPDX-License-Identifier: MIT
// The manifest (TOML): which servers run, and what each may have. Plain data; unknown keys and bad values are errors, so that a typo does not
// silently take a right away or give one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/call.h"
#include "base/result.h"
#include "servers/init/pci/functions.h"

namespace hati::init {

enum class Placement { kSeparate, kAttached, kAuto };
enum class Restart { kNever, kAlways };
enum class Start { kAtBoot, kOnDemand };

struct PortSpec {
  u16 first;
  u32 count;
};
struct InterruptSpec {
  u32 gsi;
  InterruptFlags flags;
};

// One [[server]].
struct ServerSpec {
  std::string name;  // unique; at most 27 bytes
  std::string path;  // in the boot image
  std::vector<std::string> arguments;  // after argv[0], which is the name
  std::vector<std::string> handles;  // of init's own, by start-up name: boot-image, command-line, resource
  std::vector<PortSpec> ports;  // handles "ports", "ports1", …
  std::vector<InterruptSpec> interrupts;  // handles "interrupt", "interrupt1", …
  std::vector<std::string> offers;  // services; handle "listen"
  std::vector<std::string> connect;  // services; handles by their names
  u64 state_bytes = 0;  // handle "state": memory that keeps its contents when the server is started again
  u32 priority = kPriorityServer;
  Placement placement = Placement::kSeparate;
  Restart restart = Restart::kNever;
  Start start = Start::kAtBoot;  // on demand: when somebody connects to the one service that it offers
  u32 memory_percent = 25;  // of all memory, that the kernel may use for it: objects, tables, messages, pages of Memory objects
  u32 objects = 65536;  // kernel objects
  std::vector<std::string> may_connect;  // services that it is connected to only when it asks
  std::vector<std::string> may_end;  // servers that it may end by system::EndServerRequest
  bool power = false;  // may switch the system off
  bool essential = false;  // when it ends, so does the system
};

// One [[driver]]: a server that is started once for each function on PCI that it fits, with that function's handles: "config", "bar0"…,
// "interrupt", "interrupt1"…, "dma". Its name gets the instance's number behind it, from the second on, and its process the argument
// --instance=N.
struct DriverSpec {
  ServerSpec server;
  std::vector<pci::Match> matches;  // pci = ["1af4:1042"], class = ["0108"]
  u32 interrupts = 1;  // at most so many of the function's MSI-X vectors: key `vectors`
};
inline constexpr u32 kVectorsMax = 20;  // start-up handles are few

struct Manifest {
  std::vector<ServerSpec> servers;
  std::vector<DriverSpec> drivers;
};

struct ManifestError {
  std::string text;  // with the line
};

std::expected<Manifest, ManifestError> parse_manifest(std::string_view text);

// "0x3f8-0x3ff"; nothing if malformed or outside 16 bits.
std::optional<PortSpec> parse_ports(std::string_view text);

// The value of `hati.NAME=` on the kernel's command line, if it is a placement; the last one counts.
std::optional<Placement> placement_override(std::string_view command_line, std::string_view name);

// `hati.kill=NAME:MS:COUNT`, for tests: the server is killed MS after each start, COUNT times. Nothing if there is none for `name`.
struct KillOrder {
  u32 after_ms;
  u32 count;
};
std::optional<KillOrder> kill_order(std::string_view command_line, std::string_view name);

}  // namespace hati::init
