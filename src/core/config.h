// TOML configuration read into plain option structs. An unknown key, a wrong type or a value out of range is an
// error that names the file, the line, the key, what was found and what was expected.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/file.h"
#include "core/json.h"

namespace triage {

class ConfigSection;

class Config {
 public:
  // settings: "KEY=VALUE", which take the place of what the text says, or are added to it. KEY is dotted; behind a list
  // of tables ([[stage]]) comes the `name` of one of them, or * for all: "stage.big.epochs=10". VALUE is TOML; what is
  // none is a string.
  static Config parse(std::string_view text, std::string origin, std::span<const std::string> settings = {});
  static Config load(const fs::path& path, std::span<const std::string> settings = {});
  ~Config();
  Config(Config&&) noexcept;

  ConfigSection root() const;
  const std::string& text() const;    // as it was read; with settings: written anew, with them
  const std::string& origin() const;  // the file

 private:
  friend class ConfigSection;
  struct State;
  std::shared_ptr<State> state_;
  explicit Config(std::shared_ptr<State> state) : state_(std::move(state)) {}
};

// One table; copies share what was asked for, and keep the file alive. read() leaves the field's default where the key
// is absent. finish() fails on keys nobody asked for, in this table and in those taken from it: call it last.
class ConfigSection {
 public:
  void read(const char* key, bool& value);
  void read(const char* key, int& value, int low, int high);
  void read(const char* key, std::uint64_t& value);
  void read(const char* key, double& value, double low, double high);
  void read(const char* key, std::string& value);
  void read(const char* key, std::vector<std::string>& value);
  void read(const char* key, std::vector<int>& value, int low, int high);
  void require(const char* key);  // an error when absent
  // A file may still say old_key for `key`: it is warned of once. Both in one file are an error. Before key is read.
  void renamed(const char* old_key, const char* key);

  bool has(const char* key) const;
  bool is_string(const char* key) const;
  ConfigSection section(const char* key);                // an absent table reads as an empty one
  std::vector<ConfigSection> sections(const char* key);  // [[key]]
  void finish() const;
  [[noreturn]] void fail_at(const char* key, const std::string& expected) const;  // for the caller's own checks

 private:
  friend class Config;
  struct Node;
  std::shared_ptr<Node> node_;
};

}  // namespace triage
