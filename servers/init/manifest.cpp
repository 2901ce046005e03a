// SPDX-License-Identifier: MIT
#include "servers/init/manifest.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>

namespace hati::init {

namespace {

constexpr u32 kObjectsMax = 1u << 24;
constexpr u32 kStateMax = 1u << 24;

// The first error found while reading a server's table; later ones are not recorded.
class Reader {
 public:
  Reader(const toml::table& table, std::string& error) : table_(table), error_(error) {}

  void text(std::string_view key, std::string& out, bool required = false) {
    const toml::node* node = take(key);
    if (node == nullptr) {
      if (required) complain(key, "is missing");
      return;
    }
    if (auto value = node->value_exact<std::string>())
      out = *value;
    else
      complain(key, "must be text");
  }
  void flag(std::string_view key, bool& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    if (auto value = node->value_exact<bool>())
      out = *value;
    else
      complain(key, "must be true or false");
  }
  void number(std::string_view key, u32& out, u32 least, u32 most) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<i64>();
    if (value && *value >= least && *value <= most)
      out = static_cast<u32>(*value);
    else
      complain(key, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  void texts(std::string_view key, std::vector<std::string>& out) {
    each(key, [&](const toml::node& node) {
      if (auto value = node.value_exact<std::string>())
        out.push_back(*value);
      else
        complain(key, "must be a list of texts");
    });
  }
  // Calls f(node) for each element of an array.
  template <class F>
  void each(std::string_view key, F&& f) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return complain(key, "must be a list");
    for (const toml::node& element : *array) f(element);
  }
  // One word of a set.
  template <class T>
  void choice(std::string_view key, T& out, std::initializer_list<std::pair<std::string_view, T>> words) {
    std::string word;
    text(key, word);
    if (word.empty()) return;
    for (const auto& [name, value] : words)
      if (name == word) {
        out = value;
        return;
      }
    complain(key, "has an unknown value");
  }
  void complain(std::string_view key, std::string_view what) {
    if (error_.empty()) error_ = "line " + std::to_string(table_.source().begin.line) + ": " + std::string(key) + " " + std::string(what);
  }
  void finish() {
    for (const auto& [key, node] : table_)
      if (std::ranges::find(seen_, key.str()) == seen_.end()) complain(key.str(), "is not a known key");
  }

 private:
  const toml::node* take(std::string_view key) {
    seen_.push_back(key);
    return table_.get(key);
  }

  const toml::table& table_;
  std::string& error_;
  std::vector<std::string_view> seen_;
};

void read_interrupt(const toml::node& node, Reader& reader, ServerSpec& spec, std::string& error) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return reader.complain("interrupts", "must be a list of tables");
  Reader inner(*table, error);
  InterruptSpec interrupt{.gsi = 0, .flags = InterruptFlags::kEdgeHigh};
  const auto gsi = (*table)["gsi"].value_exact<i64>();
  if (!gsi || *gsi < 0 || *gsi > 1023) return reader.complain("interrupts", "need a gsi");
  interrupt.gsi = static_cast<u32>(*gsi);
  inner.choice<InterruptFlags>("trigger", interrupt.flags,
                               {{"edge-high", InterruptFlags::kEdgeHigh},
                                {"edge-low", InterruptFlags::kEdgeLow},
                                {"level-high", InterruptFlags::kLevelHigh},
                                {"level-low", InterruptFlags::kLevelLow}});
  spec.interrupts.push_back(interrupt);
}

void read_server_keys(Reader& reader, ServerSpec& spec, std::string& error) {
  reader.text("name", spec.name, true);
  reader.text("path", spec.path, true);
  reader.texts("arguments", spec.arguments);
  reader.texts("handles", spec.handles);
  reader.texts("offers", spec.offers);
  reader.texts("connect", spec.connect);
  reader.texts("may_connect", spec.may_connect);
  reader.texts("may_end", spec.may_end);
  reader.choice<u32>("priority", spec.priority, {{"fair", kPriorityFair}, {"server", kPriorityServer}, {"driver", kPriorityDriver}});
  reader.choice<Placement>("placement", spec.placement,
                           {{"separate", Placement::kSeparate}, {"attached", Placement::kAttached}, {"auto", Placement::kAuto}});
  reader.choice<Start>("start", spec.start, {{"boot", Start::kAtBoot}, {"on-demand", Start::kOnDemand}});
  if (spec.start == Start::kOnDemand && spec.offers.size() != 1) reader.complain("start", "on-demand needs one service in offers");
  reader.choice<Restart>("restart", spec.restart, {{"never", Restart::kNever}, {"always", Restart::kAlways}});
  u32 state_bytes = 0;
  reader.number("state_bytes", state_bytes, 0, kStateMax);
  spec.state_bytes = state_bytes;
  reader.number("memory_percent", spec.memory_percent, 1, 100);
  reader.number("objects", spec.objects, 16, kObjectsMax);
  reader.flag("power", spec.power);
  reader.flag("essential", spec.essential);
  if (spec.name.empty() || spec.name.size() > 27) reader.complain("name", "must have 1 to 27 bytes");
}

ServerSpec read_server(const toml::table& table, std::string& error) {
  ServerSpec spec;
  Reader reader(table, error);
  read_server_keys(reader, spec, error);
  reader.each("interrupts", [&](const toml::node& node) { read_interrupt(node, reader, spec, error); });
  reader.each("ports", [&](const toml::node& node) {
    const auto text = node.value_exact<std::string>();
    const auto ports = text ? parse_ports(*text) : std::nullopt;
    if (ports)
      spec.ports.push_back(*ports);
    else
      reader.complain("ports", "must be ranges like \"0x3f8-0x3ff\"");
  });
  reader.finish();
  return spec;
}

DriverSpec read_driver(const toml::table& table, std::string& error) {
  DriverSpec driver;
  Reader reader(table, error);
  read_server_keys(reader, driver.server, error);
  const auto matches = [&](std::string_view key, auto parse, std::string_view complaint) {
    std::vector<std::string> texts;
    reader.texts(key, texts);
    for (const std::string& text : texts) {
      if (const auto match = parse(text))
        driver.matches.push_back(*match);
      else
        reader.complain(key, complaint);
    }
  };
  matches("pci", pci::parse_device, "must be vendors and devices like \"1af4:1042\"");
  matches("class", pci::parse_class, "must be the front of class codes, like \"0108\"");
  reader.number("vectors", driver.interrupts, 0, kVectorsMax);
  reader.finish();
  if (driver.matches.empty()) reader.complain("pci", "or class must say which devices it is for");
  return driver;
}

std::optional<u32> parse_number(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  u32 value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<PortSpec> parse_ports(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last || *last > 0xffff || *first > *last) return std::nullopt;
  return PortSpec{static_cast<u16>(*first), *last - *first + 1};
}

std::expected<Manifest, ManifestError> parse_manifest(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const auto& error = parsed.error();
    return std::unexpected(ManifestError{"line " + std::to_string(error.source().begin.line) + ": " + std::string(error.description())});
  }
  Manifest manifest;
  std::string error;
  Reader reader(parsed.table(), error);
  std::vector<std::string> names;
  const auto check_name = [&](const std::string& name) {
    if (std::ranges::find(names, name) != names.end()) reader.complain(name, "is listed twice");
    names.push_back(name);
  };
  reader.each("server", [&](const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return reader.complain("server", "must be a table");
    manifest.servers.push_back(read_server(*table, error));
    check_name(manifest.servers.back().name);
  });
  reader.each("driver", [&](const toml::node& node) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return reader.complain("driver", "must be a table");
    manifest.drivers.push_back(read_driver(*table, error));
    check_name(manifest.drivers.back().server.name);
  });
  reader.finish();
  if (!error.empty()) return std::unexpected(ManifestError{error});
  return manifest;
}

namespace {

// Calls f(value) for each word KEY=value.
template <class F>
void for_each_word(std::string_view command_line, std::string_view key, F&& f) {
  while (!command_line.empty()) {
    const auto space = command_line.find(' ');
    std::string_view word = command_line.substr(0, space);
    command_line.remove_prefix(space == std::string_view::npos ? command_line.size() : space + 1);
    if (word.starts_with(key) && word.substr(key.size()).starts_with('=')) f(word.substr(key.size() + 1));
  }
}

}  // namespace

std::optional<KillOrder> kill_order(std::string_view command_line, std::string_view name) {
  std::optional<KillOrder> result;
  for_each_word(command_line, "hati.kill", [&](std::string_view value) {
    if (!value.starts_with(name) || !value.substr(name.size()).starts_with(':')) return;
    value.remove_prefix(name.size() + 1);
    const auto colon = value.find(':');
    if (colon == std::string_view::npos) return;
    const auto after = parse_number(value.substr(0, colon)), count = parse_number(value.substr(colon + 1));
    if (after && count) result = KillOrder{*after, *count};
  });
  return result;
}

std::optional<Placement> placement_override(std::string_view command_line, std::string_view name) {
  std::optional<Placement> result;
  for_each_word(command_line, "hati." + std::string(name), [&](std::string_view word) {
    if (word == "attached") result = Placement::kAttached;
    if (word == "separate") result = Placement::kSeparate;
    if (word == "auto") result = Placement::kAuto;
  });
  return result;
}

}  // namespace hati::init
