#include "results/training_log.h"

#include <format>
#include <sstream>

namespace triage::results {
namespace {

constexpr std::pair<const char*, std::optional<double> TrainingStep::*> kFigures[] = {  // in the file's order
    {"loss", &TrainingStep::loss},
    {"train_accuracy", &TrainingStep::train_accuracy},
    {"lr", &TrainingStep::rate},
    {"images_per_s", &TrainingStep::images_per_s},
    {"seconds", &TrainingStep::seconds},
    {"validation_accuracy", &TrainingStep::validation_accuracy},
    {"subnet_loss", &TrainingStep::subnet_loss},
    {"smallest_validation_accuracy", &TrainingStep::smallest_validation_accuracy}};

TrainingStep step_from_json(const JsonReader& json) {
  TrainingStep step{.stage = json.get<std::string>("stage"),
                    .epoch = json.get<std::int64_t>("epoch"),
                    .step = json.get<std::int64_t>("step")};
  for (const auto& [key, member] : kFigures) {
    if (json.has(key) && !json.at(key).json().is_null()) step.*member = json.get<double>(key);
  }
  if (json.has("subnet_seed")) step.subnet_seed = json.get<std::uint64_t>("subnet_seed");
  return step;
}

}  // namespace

Json to_json(const TrainingStep& step) {
  Json json = {{"stage", step.stage}, {"epoch", step.epoch}, {"step", step.step}};
  for (const auto& [key, member] : kFigures) {
    if (step.*member) json[key] = *(step.*member);
  }
  if (step.subnet_seed) json["subnet_seed"] = *step.subnet_seed;
  return json;
}

std::vector<TrainingStep> load_training_log(const fs::path& file) {
  std::vector<TrainingStep> steps;
  std::istringstream lines(read_file(file));
  std::string line;
  for (int n = 1; std::getline(lines, line); ++n) {
    if (line.empty()) continue;
    const std::string origin = std::format("{}:{}", file.string(), n);
    const Json json = parse_json(line, origin);
    if (const JsonReader reader(json, origin); reader.has("stage")) steps.push_back(step_from_json(reader));
  }
  return steps;
}

}  // namespace triage::results
