// A reader of Prometheus' text format for tests, written from its description: it takes nothing else.
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "serving/metrics.h"

namespace triage::serving::testing_metrics {

struct Sample {
  std::string name;
  Labels labels;
  double value = 0;
};

// None: the text is not valid. Names come once, with HELP and TYPE before their samples; no sample comes twice; a
// histogram's buckets rise and end with +Inf, which is its count.
inline std::optional<std::vector<Sample>> parse(const std::string& text) {
  static const std::regex kComment("# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)");
  static const std::regex kSample("([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)\\})? (\\S+)");
  static const std::regex kLabel("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\]|\\\\[\\\\\"n])*)\"(,|$)");
  if (text.empty() || text.back() != '\n') return std::nullopt;
  std::vector<Sample> samples;
  std::map<std::string, std::string> types;
  std::set<std::pair<std::string, Labels>> seen;
  std::string family;
  std::istringstream lines(text);
  std::optional<double> below;  // of the histogram's last bucket
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kComment)) {
      if (match[1] == "HELP") {
        family = match[2];
        if (types.contains(family)) return std::nullopt;
      } else {
        if (match[2] != family) return std::nullopt;
        types[family] = match[3];
      }
      continue;
    }
    if (!std::regex_match(line, match, kSample)) return std::nullopt;
    Sample sample{.name = match[1]};
    std::string labels = match[2];
    for (std::smatch label; !labels.empty(); labels = label.suffix()) {
      if (!std::regex_search(labels, label, kLabel, std::regex_constants::match_continuous)) return std::nullopt;
      sample.labels.emplace_back(label[1], label[2]);
    }
    std::size_t used = 0;
    const std::string number = match[3];
    sample.value = number == "+Inf" ? HUGE_VAL : std::stod(number, &used);
    if (number != "+Inf" && used != number.size()) return std::nullopt;
    const std::string type = types[family];
    const std::string suffix = sample.name.starts_with(family) ? sample.name.substr(family.size()) : "?";
    if (type == "histogram" ? suffix != "_bucket" && suffix != "_sum" && suffix != "_count" : !suffix.empty())
      return std::nullopt;
    if (type == "counter" && !(sample.value >= 0)) return std::nullopt;
    if (suffix == "_bucket") {
      if (below && sample.value < *below) return std::nullopt;
      below = sample.value;
      if (sample.labels.empty() || sample.labels.back().first != "le") return std::nullopt;
    } else if (suffix == "_count") {
      if (!below || *below != sample.value || samples.empty()) return std::nullopt;
      below.reset();
    }
    if (!seen.emplace(sample.name, sample.labels).second) return std::nullopt;
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace triage::serving::testing_metrics
