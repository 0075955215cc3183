#include "workflow/cascade/int8_form.h"

#include <algorithm>
#include <format>
#include <map>

#include "core/error.h"
#include "core/rng.h"
#include "core/system/cpu.h"
#include "core/system/machine.h"
#include "core/text.h"
#include "measure/latency.h"
#include "model/onnx/write.h"
#include "preprocess/preprocessor.h"
#include "triage/classifier.h"
#include "workflow/cascade/ask_net.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kRangeImages = 256, kAskedImages = 2000, kBytes = std::size_t{1} << 29;
constexpr std::size_t kProbes = 16, kAskedTogether = 8;

// Images as the net reads them, as many as fit.
struct FormInputs {
  std::vector<float> values;  // [labels.size(), size]
  std::vector<Label> labels;
  std::size_t size = 0;

  std::span<const float> image(std::size_t i) const { return std::span(values).subspan(i * size, size); }
};

using Sessions = std::vector<std::shared_ptr<const engine::Session>>;

// What `session` answers of n images, and what it carries on where that is asked for.
void run_form(const engine::Session& session, int n, const float* input, std::vector<float>& logits,
              std::vector<float>* carry = nullptr) {
  const engine::SessionInfo& info = session.info();
  const auto count = static_cast<std::size_t>(n);
  logits.resize(count * static_cast<std::size_t>(info.classes));
  std::vector<float> features(count * static_cast<std::size_t>(info.feature_width));
  if (carry) carry->resize(count * static_cast<std::size_t>(info.carry_size));
  const Status status = session.run(n, {.input = input,
                                        .logits = logits.data(),
                                        .features = features.empty() ? nullptr : features.data(),
                                        .carry = carry ? carry->data() : nullptr});
  if (!status) fail("{}", status.error().message);
}

// parts: that the image passes first; each has a carried map.
FormInputs inputs_of(const data::Dataset& dataset, std::span<const std::uint32_t> images, std::size_t most,
                     const preprocess::Preprocess& preprocess, const Sessions& parts, const StopToken& stop) {
  const preprocess::Preprocessor preprocessor(preprocess);
  FormInputs inputs{.size = parts.empty() ? preprocessor.elements()
                                          : static_cast<std::size_t>(parts.back()->info().carry_size)};
  images =
      images.first(std::min({images.size(), most, std::max<std::size_t>(1, kBytes / sizeof(float) / inputs.size)}));
  inputs.values.resize(images.size() * inputs.size);
  preprocess::Scratch scratch;
  data::Image decoded;
  std::vector<float> map(preprocessor.elements()), next, logits;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (stop.requested()) throw Interrupted("stopped while images were read; nothing is lost");
    const ImageView image = dataset.view(images[i], decoded);
    preprocessor.check(image);
    map.resize(preprocessor.elements());
    preprocessor.run(image, map.data(), scratch);
    for (const auto& part : parts) {
      run_form(*part, 1, map.data(), logits, &next);
      std::swap(map, next);
    }
    std::ranges::copy(map, &inputs.values[i * inputs.size]);
    inputs.labels.push_back(dataset.label(images[i]));
  }
  return inputs;
}

double accuracy_of(const engine::Session& session, const FormInputs& inputs) {
  std::vector<float> logits, answers;
  for (std::size_t first = 0; first < inputs.labels.size(); first += kAskedTogether) {
    const std::size_t n = std::min(kAskedTogether, inputs.labels.size() - first);
    run_form(session, static_cast<int>(n), inputs.image(first).data(), logits);
    answers.insert(answers.end(), logits.begin(), logits.end());
  }
  return share_right(answers, inputs.labels);
}

// In turns, as stages are measured (measure/latency.h), but without the preprocessing, which all have alike.
std::vector<double> times_of(const std::vector<std::unique_ptr<engine::Session>>& sessions, const FormInputs& inputs,
                             const Int8Choice& choice) {
  measure::MeasureOptions options;
  options.min_seconds = choice.seconds;
  options.max_seconds = 3 * choice.seconds;
  options.window_seconds = std::min(options.window_seconds, choice.seconds / 4);
  options.stop = choice.context.stop;
  std::vector<float> logits;
  std::vector<measure::Callable> subjects;
  for (const auto& session : sessions) {
    subjects.push_back([&inputs, &logits, one = session.get()](std::size_t turn) {
      run_form(*one, 1, inputs.image(turn % inputs.labels.size()).data(), logits);
    });
  }
  std::vector<double> us;
  // The median: of a machine that others share as well, and two forms differ by some percent.
  for (const measure::Measurement& measured : measure::measure_interleaved(subjects, options))
    us.push_back(measured.latency_us.median);
  return us;
}

// All but the forms themselves that decides what is found of them.
std::string kept_identity(const FormSource& source, const Int8Images& images, const Int8Choice& choice) {
  const auto numbers = [](const std::vector<std::uint32_t>& indices) { return sha256_hex(Json(indices).dump()); };
  Json before = Json::array();
  for (const PartBefore& part : source.before) before.push_back(part.sha256);
  return Json{{"data", images.dataset.info().sha256},
              {"ranges", numbers(images.ranges)},
              {"asked", numbers(images.asked)},
              {"preprocess", preprocess::to_json(source.preprocess)},
              {"before", before},
              {"seconds", choice.seconds},
              {"threads", choice.threads},
              {"machine", cpu_name()},
              {"program", version()}}
      .dump();
}

}  // namespace

Int8Images int8_images(const data::Dataset& dataset, const data::Splits& splits, std::uint64_t seed) {
  Int8Images images{dataset, splits.route, splits.validation};
  for (auto* part : {&images.ranges, &images.asked}) {  // in the file they stand class by class
    Rng rng(derive_seed(seed, "int8"));
    rng.shuffle(std::span(*part));
  }
  return images;
}

exporting::QuantizedModel int8_form(model::Graph graph, const FormSource& source, const Int8Images& images,
                                    const OpenForm& open, const Int8Choice& choice) {
  Sessions fp32, now;
  for (const PartBefore& part : source.before) {
    fp32.push_back(part.fp32);
    now.push_back(part.now);
  }
  const auto inputs = [&](const std::vector<std::uint32_t>& of, std::size_t most, const Sessions& parts) {
    return inputs_of(images.dataset, of, most, source.preprocess, parts, choice.context.stop);
  };
  const FormInputs ranges = inputs(images.ranges, kRangeImages, now), asked = inputs(images.asked, kAskedImages, now);
  if (ranges.labels.empty() || asked.labels.empty())
    fail("{}: found {} images for ranges and {} to ask about, expected some", graph.origin, ranges.labels.size(),
         asked.labels.size());
  exporting::QuantizeOptions options;
  options.max_loss = choice.max_loss;
  options.probes = kProbes;
  options.context = choice.context;
  options.ask = [&](const std::string& model) { return accuracy_of(*open(model, choice.threads), asked); };
  if (!source.before.empty()) {
    const std::string as_it_was = model::to_onnx(graph).SerializeAsString();
    options.fp32_accuracy = accuracy_of(*open(as_it_was, choice.threads), inputs(images.asked, kAskedImages, fp32));
  }
  const auto time = [&](std::span<const std::string> models) {
    std::vector<std::unique_ptr<engine::Session>> sessions;
    for (const std::string& model : models) sessions.push_back(open(model, choice.threads));
    return times_of(sessions, asked, choice);
  };
  if (choice.timed) options.time = time;
  std::optional<KeptNumbers> kept;
  if (!choice.kept.empty()) {
    fs::create_directories(choice.kept);
    const std::string identity = kept_identity(source, images, choice);
    options.kept = &kept.emplace(choice.kept / sha256_hex(identity).substr(0, 16), identity);
  }
  return exporting::quantize_graph(std::move(graph), ranges.values, ranges.labels.size(), options);
}

std::string describe(const exporting::QuantizeReport& report) {
  std::map<std::string, std::vector<std::string>> fp32;  // by reason
  for (const exporting::QuantizedNode& node : report.nodes) {
    if (!node.int8) fp32[node.reason].push_back(node.name);
  }
  std::size_t total = 0;
  std::string text;
  constexpr std::size_t kShown = 4;
  for (auto& [reason, names] : fp32) {
    total += names.size();
    text += std::format("; {}: {}", reason, names.size());
    const std::size_t shown = std::min(kShown, names.size());
    text += std::format(" ({}{})", joined(std::span(names).first(shown)), shown < names.size() ? ", ..." : "");
  }
  return std::format("{} of {} nodes in int8, weights of {} bits{}", report.nodes.size() - total, report.nodes.size(),
                     report.weight_bits, text);
}

}  // namespace triage::workflow
