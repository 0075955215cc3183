#include "measure/stages/memory.h"

#include <malloc.h>

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/system/process.h"
#include "engine/names.h"
#include "engine/onnxruntime/onnx_session.h"
#include "measure/stages/stage_runner.h"
#include "threshold/ranking.h"
#include "triage/classifier.h"

namespace triage::measure {
namespace {

constexpr const char* kStatus = "/proc/self/status";
constexpr double kKb = 1024;
constexpr std::ptrdiff_t kTouched = 4096;  // bytes, a page at most

// "VmHWM:     12345 kB"
double status_kb(const std::string& field) {
  const std::string text = read_file(kStatus);
  const std::size_t at = text.find(field + ":");
  const std::size_t digits = at == text.npos ? text.npos : text.find_first_of("0123456789", at);
  double value = 0;
  if (digits == text.npos ||
      std::from_chars(text.data() + digits, text.data() + text.size(), value).ec != std::errc{}) {
    fail("{}: expected a line {}, found none", kStatus, field);
  }
  return value;
}

void forget_peak() {
  std::FILE* const file = std::fopen("/proc/self/clear_refs", "w");
  const bool written = file && std::fputs("5", file) >= 0;
  if (file && std::fclose(file) == 0 && written) return;
  fail("/proc/self/clear_refs: expected to be able to reset the process's peak of memory, found that it cannot");
}

// Images that lie in a file become resident here: they are the caller's memory, not the plan's.
void touch(Images images) {
  std::uint8_t seen = 0;
  for (const ImageView& image : images) {
    const auto bytes = static_cast<std::ptrdiff_t>(image.height) * image.width * image.channels;
    for (std::ptrdiff_t at = 0; at < bytes; at += kTouched) seen ^= image.pixels[at];
    if (bytes > 0) seen ^= image.pixels[bytes - 1];
  }
  [[maybe_unused]] const volatile std::uint8_t kept = seen;  // so that the reading is not left out
}

}  // namespace

Json to_json(const ObservedMemory& memory) {
  return {{"empty_kb", memory.empty_kb}, {"loaded_kb", memory.loaded_kb}, {"peak_kb", memory.peak_kb}};
}

ObservedMemory observed_memory_from_json(const Json& json, const std::string& origin) {
  const JsonReader reader(json, origin);
  return {reader.not_negative("empty_kb"), reader.not_negative("loaded_kb"), reader.not_negative("peak_kb")};
}

ObservedMemory observe_memory(const fs::path& plan_directory, int exit, Images images, const std::string& engine) {
  const plan::Plan plan = plan::load_plan(plan_directory);
  const int stages = static_cast<int>(plan.stages.size());
  if (exit < 0 || exit >= stages) fail("memory: exit: found {}, expected 0 to {}", exit, stages - 1);
  if (engine != engine::kCompiled) engine::ort_environment();
  touch(images);
  ::malloc_trim(0);
  forget_peak();
  ObservedMemory memory{.empty_kb = status_kb("VmRSS")};
  ClassifierOptions options{.engine = engine};
  for (int e = 0; e + 1 < stages; ++e)
    options.thresholds.push_back(e < exit ? threshold::kEscalateAll : threshold::kEscalateNone);
  const auto classifier = Classifier::load(plan_directory.string(), options);
  if (!classifier) fail("{}", classifier.error().message);
  memory.loaded_kb = status_kb("VmHWM") - memory.empty_kb;
  for (const ImageView& image : images) {
    const auto outcome = classifier->classify(image);
    if (!outcome) fail("{}", outcome.error().message);
  }
  memory.peak_kb = status_kb("VmHWM") - memory.empty_kb;
  return memory;
}

cost::PathMemory measure_path_memory(const fs::path& program, const fs::path& plan_directory, std::size_t exit,
                                     Images images, const std::string& engine, StopToken stop) {
  const plan::Plan plan = plan::load_plan(plan_directory);
  const TemporaryDirectory directory("memory");
  const fs::path file = directory.path() / "images.bin";
  write_file_atomic(file, image_file_bytes(images, plan.input));
  std::vector<std::string> command{program.string(), plan_directory.string(), file.string(), "--memory",
                                   std::to_string(exit)};
  if (engine != engine::kOnnxRuntime) command.insert(command.end(), {"--engine", engine});
  const ProcessResult result = run_checked({.command = command, .input_file = {}, .on_output = {}, .stop = stop});
  const ObservedMemory seen = observed_memory_from_json(parse_json(result.output, program.string()), program.string());
  cost::PathMemory path{.stage = plan.stages.at(exit).name,
                        .empty_kb = seen.empty_kb,
                        .loaded_kb = seen.loaded_kb,
                        .peak_kb = seen.peak_kb};
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    path.weights_kb += static_cast<double>(plan.stages[i].weight_bytes) / kKb;
    const double activations_kb = static_cast<double>(plan.stages[i].activation_bytes) / kKb;
    if (i <= exit) path.activations_kb = std::max(path.activations_kb, activations_kb);
  }
  return path;
}

std::vector<cost::PathMemory> measure_memory(const fs::path& program, const fs::path& plan_directory, Images images,
                                             const std::string& engine, StopToken stop) {
  const std::size_t exits = plan::load_plan(plan_directory).stages.size();
  std::vector<cost::PathMemory> paths;
  for (std::size_t exit = 0; exit < exits; ++exit)
    paths.push_back(measure_path_memory(program, plan_directory, exit, images, engine, stop));
  return paths;
}

}  // namespace triage::measure
