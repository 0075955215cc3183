#include "workflow/study/alone_config.h"

#include <algorithm>

namespace triage::workflow {
namespace {

// JSON writes these values as TOML does: text, numbers, true and false.
std::string key_line(const std::string& key, const Json& value) { return key + " = " + value.dump() + "\n"; }

// The keys of `options` whose values are not the defaults; tables are left to the caller.
std::string changed_keys(const Json& options, const Json& defaults) {
  std::string text;
  for (const auto& [key, value] : options.items()) {
    if (!value.is_object() && (!defaults.contains(key) || value != defaults.at(key))) text += key_line(key, value);
  }
  return text;
}

// A name that depends on the architecture alone, and so do the weights it begins with: in whichever list. Before a
// block a letter follows the 'x', before a count a digit; no text of a family has a 'd' or an 'a' behind its prefix.
std::string name_of(const family::ArchSpec& subnet) {
  std::string name = subnet.text();
  for (const auto& [from, to] : {std::pair{',', 'x'}, {'-', '_'}, {':', '_'}, {'/', 'd'}, {'@', 'a'}})
    std::ranges::replace(name, from, to);
  return name;
}

std::string size_line(const std::string& key, const data::SplitSize& size) {
  return key_line(key, size.share > 0 ? Json(size.share) : Json(size.images));
}

std::string stage_text(const StageConfig& supernet, const family::ArchSpec& subnet) {
  const Json options = train::to_json(supernet.train),
             defaults = train::to_json(train::family_defaults(supernet.space.is_plain()));
  std::string text = "\n[[stage]]\n" + key_line("name", name_of(subnet)) + key_line("arch", subnet.text());
  if (supernet.features_block != StageConfig{}.features_block) {
    text += key_line("features_block", supernet.features_block);
  }
  text += changed_keys(options, defaults);
  const std::string augment = changed_keys(options.at("augment"), defaults.at("augment"));
  return augment.empty() ? text : text + "[stage.augment]\n" + augment;
}

}  // namespace

std::string alone_config(const RunConfig& config, const std::string& name, std::span<const family::ArchSpec> subnets) {
  if (!config.supernet) fail("{}: expected a [supernet], found none", config.origin);
  const StageConfig& supernet = *config.supernet;
  std::string text = key_line("name", name.empty() ? config.name + "-alone" : name) + key_line("seed", config.seed);
  if (config.device != "auto") text += key_line("device", config.device);
  if (!config.auto_precision) text += key_line("precision", train::to_string(config.precision));
  text += key_line("threads", config.threads);
  text += "\n[data]\n" + key_line("file", config.data);
  if (config.route) text += size_line("route", *config.route);
  if (config.validation) text += size_line("validation", *config.validation);
  for (const family::ArchSpec& subnet : subnets) text += stage_text(supernet, subnet);
  return text;
}

}  // namespace triage::workflow
