// The parsed table lives in Config::State together with one Node per section that was asked for; sections are
// pointers into it that keep it alive.
#include "core/config.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <sstream>
#include <toml++/toml.hpp>

#include "core/error.h"
#include "core/text.h"
#include "core/warning.h"

namespace triage {

struct ConfigSection::Node {
  Config::State* state = nullptr;
  const toml::table* table = nullptr;  // null: the table is absent, every key has its default
  std::string path;                    // "train.augment", empty for the root
  std::set<std::string, std::less<>> asked;
  std::map<std::string, std::vector<Node*>> children;
  std::map<std::string, std::string, std::less<>> written;  // the old name of a key, where the file has that one

  std::string name_of(std::string_view key) const {
    const auto old = written.find(key);
    return (path.empty() ? "" : path + ".") + std::string(old == written.end() ? key : old->second);
  }
  const toml::node* find(std::string_view key) const {
    const auto old = written.find(key);
    return table == nullptr ? nullptr : table->get(old == written.end() ? key : old->second);
  }
  const toml::node* ask(const char* key) {
    asked.insert(key);
    return find(key);
  }
};

struct Config::State {
  std::string text, origin;
  toml::table table;
  std::deque<ConfigSection::Node> nodes;

  ConfigSection::Node* add(const toml::table* of, std::string path) {
    return &nodes.emplace_back(ConfigSection::Node{this, of, std::move(path), {}, {}, {}});
  }
};

namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr int kMaxDots = 16;
constexpr std::size_t kShownBytes = 60;

// toml++ bounds the nesting of values but not the parts of a dotted key, and freeing a table recurses.
void check_size(std::string_view text, const std::string& origin) {
  if (text.size() > kMaxBytes) fail("{}: expected at most {} bytes, found {}", origin, kMaxBytes, text.size());
  int line = 1, dots = 0;
  char before = 0;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '[') dots = 0;
    if (c == '.' && before != '.' && ++dots > kMaxDots) {
      fail("{}:{}: expected at most {} dots in a key, found more", origin, line, kMaxDots);
    }
    before = c;
  }
}

std::string describe(const toml::node* node) {
  if (node == nullptr) return "nothing";
  if (const auto* table = node->as_table()) return std::format("a table of {} keys", table->size());
  if (const auto* array = node->as_array()) return std::format("a list of {} elements", array->size());
  std::ostringstream stream;
  node->visit([&](const auto& value) { stream << value; });
  std::string text = stream.str();
  return text.size() <= kShownBytes ? text : text.substr(0, kShownBytes) + "...";
}

// Where a file has it; of a value that was set, nothing.
std::string line_of(const toml::node* node) {
  if (node == nullptr) return {};
  const auto line = node->source().begin.line;
  return line > 0 ? std::format(":{}", line) : " with --set";
}

[[noreturn]] void fail_value(const std::string& origin, const std::string& name, const toml::node* node,
                             const std::string& expected) {
  fail("{}{}: key '{}': expected {}, found {}", origin, line_of(node), name, expected, describe(node));
}

// The tables that the next part of a setting's key may stand in.
std::vector<toml::table*> inside(const std::vector<toml::table*>& tables, const std::string& key,
                                 const std::string& item, bool& list) {
  std::vector<toml::table*> out;
  for (toml::table* table : tables) {
    toml::node* node = table->get(key);
    if (node == nullptr) node = &table->insert(key, toml::table()).first->second;
    list = list || node->is_array();
    if (toml::table* one = node->as_table()) out.push_back(one);
    if (!node->is_array()) continue;
    for (toml::node& element : *node->as_array()) {
      toml::table* one = element.as_table();
      if (one && (item == "*" || (*one)["name"].value_or(std::string()) == item)) out.push_back(one);
    }
  }
  return out;
}

void apply(toml::table& root, const std::string& setting) {
  const auto refuse = [&](const std::string& why) { fail("--set {}: {}", setting, why); };
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) refuse("expected KEY=VALUE, such as stage.big.epochs=10");
  check_size(setting, "--set");
  const std::string value = setting.substr(equals + 1);
  std::vector<std::string> parts;
  std::istringstream keys(setting.substr(0, equals));
  for (std::string part; std::getline(keys, part, '.');) parts.push_back(part);
  if (std::ranges::any_of(parts, [](const std::string& part) { return part.empty(); }) || setting[equals - 1] == '.')
    refuse("expected names with dots between them before '='");
  std::vector<toml::table*> tables{&root};
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    bool list = false;
    tables = inside(tables, parts[i], parts[i + 1], list);
    if (list && i + 2 >= parts.size()) refuse(std::format("expected a key behind '{}'", parts[i + 1]));
    if (tables.empty()) {
      refuse(list ? std::format("expected a [[{}]] named '{}', found none", parts[i], parts[i + 1])
                  : std::format("expected a table '{}', found a value", parts[i]));
    }
    i += list;
  }
  toml::table parsed;
  try {
    parsed = toml::parse("value = " + value);
  } catch (const toml::parse_error&) {
    parsed.clear();
  }
  for (toml::table* table : tables) {
    if (parsed.size() == 1)
      parsed.begin()->second.visit([&](const auto& node) { table->insert_or_assign(parts.back(), node); });
    else
      table->insert_or_assign(parts.back(), value);
  }
}

std::string written(const toml::table& table) {
  std::ostringstream out;
  out << toml::toml_formatter(table) << '\n';
  return out.str();
}

}  // namespace

Config Config::parse(std::string_view text, std::string origin, std::span<const std::string> settings) {
  check_size(text, origin);
  auto state = std::make_shared<State>();
  state->text = text;
  state->origin = std::move(origin);
  try {
    state->table = toml::parse(std::string_view(state->text));
  } catch (const toml::parse_error& error) {
    const auto& place = error.source().begin;
    fail("{}:{}:{}: not valid TOML: {}", state->origin, place.line, place.column, error.description());
  }
  for (const std::string& setting : settings) apply(state->table, setting);
  if (!settings.empty()) state->text = written(state->table);
  state->add(&state->table, "");
  return Config(std::move(state));
}

Config Config::load(const fs::path& path, std::span<const std::string> settings) {
  return parse(read_file(path, {.bytes = kMaxBytes, .pipe = true}), path.string(), settings);
}

Config::~Config() = default;
Config::Config(Config&&) noexcept = default;

const std::string& Config::text() const { return state_->text; }
const std::string& Config::origin() const { return state_->origin; }

ConfigSection Config::root() const {
  ConfigSection section;
  section.node_ = std::shared_ptr<ConfigSection::Node>(state_, &state_->nodes.front());
  return section;
}

void ConfigSection::read(const char* key, bool& value) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  if (!node->is_boolean()) fail_at(key, "true or false");
  value = node->as_boolean()->get();
}

void ConfigSection::read(const char* key, int& value, int low, int high) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  const auto* number = node->as_integer();
  if (number == nullptr || number->get() < low || number->get() > high) {
    fail_at(key, std::format("an integer from {} to {}", low, high));
  }
  value = static_cast<int>(number->get());
}

void ConfigSection::read(const char* key, std::uint64_t& value) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  const auto* number = node->as_integer();
  if (number == nullptr || number->get() < 0) fail_at(key, "an integer of 0 or more");
  value = static_cast<std::uint64_t>(number->get());
}

void ConfigSection::read(const char* key, double& value, double low, double high) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  const auto number = node->is_number() ? node->value<double>() : std::nullopt;
  if (!number || !(*number >= low && *number <= high)) {
    fail_at(key, std::format("a number from {} to {}", low, high));
  }
  value = *number;
}

void ConfigSection::read(const char* key, std::string& value) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  if (!node->is_string()) fail_at(key, "a string");
  value = node->as_string()->get();
}

void ConfigSection::read(const char* key, std::vector<std::string>& value) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  if (!node->is_array()) fail_at(key, "a list of strings");
  std::vector<std::string> items;
  for (const toml::node& item : *node->as_array()) {
    if (!item.is_string()) fail_value(node_->state->origin, node_->name_of(key), &item, "strings in the list");
    items.push_back(item.as_string()->get());
  }
  value = std::move(items);
}

void ConfigSection::read(const char* key, std::vector<int>& value, int low, int high) {
  const toml::node* node = node_->ask(key);
  if (node == nullptr) return;
  if (!node->is_array()) fail_at(key, "a list of integers");
  std::vector<int> items;
  for (const toml::node& item : *node->as_array()) {
    const auto* number = item.as_integer();
    if (number == nullptr || number->get() < low || number->get() > high) {
      fail_value(node_->state->origin, node_->name_of(key), &item,
                 std::format("integers from {} to {} in the list", low, high));
    }
    items.push_back(static_cast<int>(number->get()));
  }
  value = std::move(items);
}

void ConfigSection::renamed(const char* old_key, const char* key) {
  const toml::node* old = node_->find(old_key);
  if (old == nullptr) return;
  const Node& node = *node_;
  const std::string place = std::format("{}{}: key '{}'", node.state->origin, line_of(old), node.name_of(old_key));
  if (has(key)) fail("{} is the old name of '{}': expected one of them, found both", place, node.name_of(key));
  warn(
      std::format("{} is now '{}'; the old name will not be understood by the next version", place, node.name_of(key)));
  node_->written[key] = old_key;
}

void ConfigSection::require(const char* key) {
  if (has(key)) return;
  const bool written = node_->table != nullptr && !node_->path.empty();
  fail("{}{}: key '{}' is missing", node_->state->origin, line_of(written ? node_->table : nullptr),
       node_->name_of(key));
}

bool ConfigSection::has(const char* key) const { return node_->find(key) != nullptr; }

bool ConfigSection::is_string(const char* key) const { return has(key) && node_->find(key)->is_string(); }

ConfigSection ConfigSection::section(const char* key) {
  const toml::node* node = node_->ask(key);
  if (node != nullptr && !node->is_table()) fail_at(key, "a table");
  auto& known = node_->children[key];
  if (known.empty()) known.push_back(node_->state->add(node ? node->as_table() : nullptr, node_->name_of(key)));
  ConfigSection child;
  child.node_ = std::shared_ptr<Node>(node_, known.front());
  return child;
}

std::vector<ConfigSection> ConfigSection::sections(const char* key) {
  const toml::node* node = node_->ask(key);
  if (node != nullptr && !node->is_array()) fail_at(key, "a list of tables");
  auto& known = node_->children[key];
  if (known.empty() && node != nullptr) {
    for (const toml::node& item : *node->as_array()) {
      if (!item.is_table()) fail_value(node_->state->origin, node_->name_of(key), &item, "tables in the list");
      known.push_back(node_->state->add(item.as_table(), std::format("{}[{}]", node_->name_of(key), known.size())));
    }
  }
  std::vector<ConfigSection> children;
  for (Node* child : known) {
    children.emplace_back();
    children.back().node_ = std::shared_ptr<Node>(node_, child);
  }
  return children;
}

void ConfigSection::finish() const {
  if (node_->table == nullptr) return;
  for (const auto& [key, value] : *node_->table) {
    const auto is_this = [&](const auto& names) { return names.second == key.str(); };
    if (node_->asked.contains(key.str()) || std::ranges::any_of(node_->written, is_this)) continue;
    fail("{}{}: key '{}' is unknown; expected one of: {}", node_->state->origin, line_of(&value),
         node_->name_of(key.str()), joined(node_->asked));
  }
  for (const auto& [key, children] : node_->children) {
    for (Node* child : children) {
      ConfigSection section;
      section.node_ = std::shared_ptr<Node>(node_, child);
      section.finish();
    }
  }
}

void ConfigSection::fail_at(const char* key, const std::string& expected) const {
  fail_value(node_->state->origin, node_->name_of(key), node_->find(key), expected);
}

}  // namespace triage
