#include "results/metric_files.h"

#include <format>
#include <fstream>
#include <sstream>

#include "core/clock.h"
#include "results/event_file.h"

namespace triage::results {
namespace {

constexpr const char* kCsv = "csv";
constexpr const char* kTensorboard = "tensorboard";

struct Column {
  const char *csv, *tensorboard;  // TensorBoard groups by what stands before the slash
  std::optional<double> TrainingStep::* value;
};
constexpr Column kColumns[] = {
    {"loss", "loss/train", &TrainingStep::loss},
    {"train_accuracy", "accuracy/train", &TrainingStep::train_accuracy},
    {"validation_accuracy", "accuracy/validation", &TrainingStep::validation_accuracy},
    {"learning_rate", "learning_rate", &TrainingStep::rate},
    {"images_per_second", "images_per_second", &TrainingStep::images_per_s},
    {"seconds", nullptr, &TrainingStep::seconds},
    {"subnet_loss", "loss/subnets", &TrainingStep::subnet_loss},
    {"smallest_validation_accuracy", "accuracy/validation_smallest", &TrainingStep::smallest_validation_accuracy},
};

std::string csv_header() {
  std::string text = "stage,epoch,step";
  for (const Column& column : kColumns) text += std::format(",{}", column.csv);
  return text;
}

// RFC 4180.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

std::string csv_row(const TrainingStep& step) {
  std::string text = std::format("{},{},{}", quoted(step.stage), step.epoch, step.step);
  for (const Column& column : kColumns) {
    const std::optional<double> value = step.*column.value;
    text += value ? std::format(",{}", *value) : ",";
  }
  return text;
}

// Into the same file, which a TensorBoard that runs may have open.
void write_bytes(const fs::path& file, const std::string& bytes, std::ios::openmode mode) {
  std::ofstream out(file, std::ios::binary | mode);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.flush();
  if (!out) fail("{}: cannot be written", file.string());
}

// Without lines of `stage` behind `step`, and without a last one that was cut off.
std::string kept_lines(const fs::path& log, const std::string& stage, std::int64_t step) {
  std::istringstream lines(read_file(log));
  std::string kept, line;
  for (int n = 1; std::getline(lines, line); ++n) {
    if (lines.eof()) break;  // no end of line
    if (!line.empty()) {
      const std::string origin = std::format("{}:{}", log.string(), n);
      const Json json = parse_json(line, origin);
      const JsonReader reader(json, origin);
      const bool mine = reader.has("stage") && reader.get<std::string>("stage") == stage;
      if (mine && reader.get<std::int64_t>("step") > step) continue;
    }
    kept += line + '\n';
  }
  return kept;
}

}  // namespace

MetricFormats metric_formats(const std::vector<std::string>& names, const std::string& where) {
  MetricFormats formats{.csv = false, .tensorboard = false};
  for (const std::string& name : names) {
    if (name != kCsv && name != kTensorboard)
      fail("{}: expected {} or {}, found '{}'", where, kCsv, kTensorboard, name);
    (name == kCsv ? formats.csv : formats.tensorboard) = true;
  }
  return formats;
}

MetricFiles::MetricFiles(fs::path run, const MetricFormats& formats)
    : run_(std::move(run)), log_(run_ / "metrics.jsonl"), csv_(run_ / "metrics.csv"), formats_(formats) {}

// A name that TensorBoard knows a file by; one file for a stage, however often it was stopped.
fs::path MetricFiles::event_file(const std::string& stage) const {
  return run_ / "tensorboard" / stage / "events.out.tfevents.0.triage";
}

std::string MetricFiles::event(const TrainingStep& step) const {
  std::vector<std::pair<std::string, double>> scalars;
  for (const Column& column : kColumns) {
    const std::optional<double> value = step.*column.value;
    if (value && column.tensorboard != nullptr) scalars.emplace_back(column.tensorboard, *value);
  }
  return scalar_event(start_ + step.seconds.value_or(0), step.step, scalars);
}

void MetricFiles::begin(const std::string& stage, std::int64_t step) {
  std::vector<TrainingStep> steps;
  if (fs::exists(log_)) {
    if (std::string kept = kept_lines(log_, stage, step); kept != read_file(log_)) write_file_atomic(log_, kept);
    steps = load_training_log(log_);
  }
  start_ = wall_seconds();
  for (const TrainingStep& each : steps) {
    if (each.stage == stage) start_ = wall_seconds() - each.seconds.value_or(0);
  }
  if (formats_.csv) {
    std::string text = csv_header() + '\n';
    for (const TrainingStep& each : steps) text += csv_row(each) + '\n';
    write_file_atomic(csv_, text);
  }
  if (formats_.tensorboard) {
    std::string events = event_file_begin(start_);
    for (const TrainingStep& each : steps) {
      if (each.stage == stage) events += event(each);
    }
    fs::create_directories(event_file(stage).parent_path());
    write_bytes(event_file(stage), events, std::ios::trunc);
  }
}

void MetricFiles::append(const TrainingStep& step) {
  append_line(log_, dump_json(to_json(step)));
  if (formats_.csv) append_line(csv_, csv_row(step));
  if (formats_.tensorboard) write_bytes(event_file(step.stage), event(step), std::ios::app);
}

}  // namespace triage::results
