#include "workflow/cascade/net_options.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json.h"
#include "core/text.h"

namespace triage::workflow {
namespace {

// By net: what `values` say of it.
std::map<std::string, std::string> by_net(const char* option, const std::vector<std::string>& values,
                                          const std::vector<NetSource>& nets) {
  std::map<std::string, std::string> said;
  for (const std::string& value : values) {
    const std::size_t equals = value.find('=');
    if (equals == std::string::npos || equals + 1 == value.size())
      throw UsageError(std::format("{}: expected NET=..., found '{}'", option, value));
    const std::string net = value.substr(0, equals);
    const auto is_it = [&](const NetSource& source) { return source.net.file.stem() == net; };
    if (std::ranges::none_of(nets, is_it)) {
      throw UsageError(
          std::format("{}: expected one of the nets {}, found '{}'", option,
                      joined(nets, [](const NetSource& source) { return source.net.file.stem().string(); }), net));
    }
    if (!said.emplace(net, value.substr(equals + 1)).second)
      throw UsageError(std::format("{}: expected net '{}' once, found it again", option, net));
  }
  return said;
}

// "0": "tench" or "tench": 0.
std::vector<std::string> names_of_object(const Json& json, const std::string& origin) {
  std::map<std::size_t, std::string> names;
  for (const auto& [key, value] : json.items()) {
    std::size_t at = 0;
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), at);
    const bool number_first = error == std::errc() && stop == key.data() + key.size() && value.is_string();
    if (!number_first && !value.is_number_unsigned()) fail("{}: '{}': expected a class and its number", origin, key);
    names[number_first ? at : value.get<std::size_t>()] = number_first ? value.get<std::string>() : key;
  }
  std::vector<std::string> list;
  for (const auto& [at, name] : names) {
    if (at != list.size()) fail("{}: expected a class of number {}, found none", origin, list.size());
    list.push_back(name);
  }
  return list;
}

}  // namespace

std::vector<std::string> read_class_names(const fs::path& file) {
  const std::string text = read_file(file);
  std::vector<std::string> names;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (text[first] == '[' || text[first] == '{')) {
    const Json json = parse_json(text, file.string());
    names = json.is_array() ? JsonReader(json, file.string()).as<std::vector<std::string>>()
                            : names_of_object(json, file.string());
  } else {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string line = text.substr(at, end - at);
      if (line.ends_with('\r')) line.pop_back();
      if (!line.empty()) names.push_back(std::move(line));
      at = end + 1;
    }
  }
  if (names.size() < 2) fail("{}: expected at least two names of classes, found {}", file.string(), names.size());
  const std::set<std::string> distinct(names.begin(), names.end());
  if (distinct.size() != names.size()) fail("{}: expected names of classes that differ", file.string());
  return names;
}

std::vector<NetSource> net_sources(const NetOptions& options) {
  std::vector<NetSource> nets;
  for (const std::string& file : options.files) nets.push_back({.net = {.file = file}});
  const auto preprocess = by_net("--preprocess", options.preprocess, nets);
  const auto classes = by_net("--classes", options.classes, nets);
  const auto answers = by_net("--answer", options.answers, nets);
  const auto features = by_net("--features", options.features, nets);
  for (NetSource& net : nets) {
    const std::string name = net.net.file.stem().string();
    if (const auto said = preprocess.find(name); said != preprocess.end()) net.preprocess = said->second;
    if (const auto said = classes.find(name); said != classes.end()) net.classes = read_class_names(said->second);
    if (const auto said = answers.find(name); said != answers.end()) net.net.output = said->second;
    if (const auto said = features.find(name); said != features.end()) net.net.features = said->second;
  }
  return nets;
}

}  // namespace triage::workflow
