#include "exporting/parity.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace triage::exporting {
namespace {

const std::vector<float>& find_output(const NamedOutputs& outputs, const Engine& engine, const std::string& name) {
  const auto found = outputs.find(name);
  if (found == outputs.end()) fail("parity: engine {} gives no output \"{}\"", engine.name, name);
  return found->second;
}

// How far an element is outside (> 1) or inside (<= 1) the tolerance; 0 for equal values, infinite where only one of
// them is finite.
double badness(float expected, float found, const ParityOptions& options) {
  if (expected == found || (std::isnan(expected) && std::isnan(found))) return 0;
  const double difference = std::abs(double(found) - double(expected));
  if (!std::isfinite(difference)) return HUGE_VAL;
  const double allowed = options.absolute + options.relative * std::abs(double(expected));
  return allowed > 0 ? difference / allowed : HUGE_VAL;
}

struct Running {
  OutputParity parity;
  double worst = -1;
};

void compare(Running& running, std::span<const float> expected, std::span<const float> found, std::size_t first_image,
             int n, const ParityOptions& options) {
  OutputParity& parity = running.parity;
  const std::size_t width = expected.size() / static_cast<std::size_t>(n);
  parity.width = width;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double reference = expected[i], difference = std::abs(double(found[i]) - reference);
    const double bad = badness(expected[i], found[i], options);
    if (bad > 0) {
      parity.max_absolute = std::max(parity.max_absolute, std::isnan(difference) ? HUGE_VAL : difference);
      if (std::abs(reference) > options.absolute)
        parity.max_relative = std::max(parity.max_relative, difference / std::abs(reference));
    }
    if (bad > 1) ++parity.failures;
    if (bad > running.worst) {
      running.worst = bad;
      parity.worst_image = first_image + i / width;
      parity.worst_element = i % width;
      parity.expected = reference;
      parity.found = found[i];
    }
  }
  if (width < 2) return;
  for (int image = 0; image < n; ++image) {
    const auto a = expected.subspan(image * width, width), b = found.subspan(image * width, width);
    if (std::ranges::max_element(a) - a.begin() != std::ranges::max_element(b) - b.begin())
      ++parity.argmax_disagreements;
  }
}

}  // namespace

bool Parity::ok() const {
  return std::ranges::all_of(outputs, [](const auto& output) { return output.failures == 0; });
}

std::string Parity::text() const {
  std::string text = std::format("{} against {}, {} images, |difference| <= {} + {} * |{}|:\n", candidate, reference,
                                 images, options.absolute, options.relative, reference);
  for (const auto& output : outputs)
    text += std::format(
        "  {} {}: {} of {} values outside; largest error {:.3g} absolute, {:.3g} relative; worst at image {}, element "
        "{}: found {}, expected {}; {} images with another largest element\n",
        output.failures ? "FAILED" : "ok", output.output, output.failures, output.width * images, output.max_absolute,
        output.max_relative, output.worst_image, output.worst_element, output.found, output.expected,
        output.argmax_disagreements);
  return text;
}

Json to_json(const Parity& parity) {
  Json json{{"reference", parity.reference},
            {"candidate", parity.candidate},
            {"images", parity.images},
            {"absolute_tolerance", parity.options.absolute},
            {"relative_tolerance", parity.options.relative},
            {"ok", parity.ok()},
            {"outputs", Json::array()}};
  for (const auto& output : parity.outputs)
    json["outputs"].push_back({{"output", output.output},
                               {"width", output.width},
                               {"max_absolute", output.max_absolute},
                               {"max_relative", output.max_relative},
                               {"failures", output.failures},
                               {"worst_image", output.worst_image},
                               {"worst_element", output.worst_element},
                               {"expected", output.expected},
                               {"found", output.found},
                               {"argmax_disagreements", output.argmax_disagreements}});
  return json;
}

Parity check_parity(const Engine& reference, const Engine& candidate, std::span<const float> images, std::size_t count,
                    const ParityOptions& options) {
  if (count == 0 || images.size() % count != 0 || options.batch < 1)
    fail("parity: found {} values for {} images in batches of {}", images.size(), count, options.batch);
  const std::size_t size = images.size() / count;
  std::vector<Running> running;
  for (std::size_t first = 0; first < count; first += options.batch) {
    const int n = static_cast<int>(std::min<std::size_t>(options.batch, count - first));
    const auto part = images.subspan(first * size, n * size);
    const NamedOutputs expected = reference.run(part, n), found = candidate.run(part, n);
    if (running.empty()) {
      if (options.outputs.empty())
        for (const auto& [name, values] : expected) running.push_back({{name}});
      for (const auto& name : options.outputs) running.push_back({{name}});
    }
    for (auto& output : running) {
      const auto& a = find_output(expected, reference, output.parity.output);
      const auto& b = find_output(found, candidate, output.parity.output);
      if (a.size() != b.size() || a.empty() || a.size() % n != 0)
        fail("parity: output \"{}\" of {} images: {} gives {} values, {} gives {}", output.parity.output, n,
             reference.name, a.size(), candidate.name, b.size());
      compare(output, a, b, first, n, options);
    }
  }
  Parity parity{reference.name, candidate.name, count, options, {}};
  for (auto& output : running) parity.outputs.push_back(std::move(output.parity));
  return parity;
}

void require_parity(const Parity& parity) {
  if (!parity.ok()) fail("parity: {}", parity.text());
}

void run_chain(std::span<const Engine> chain, std::span<const float> images, int n,
               const std::function<void(std::size_t engine, const NamedOutputs& outputs)>& visit) {
  NamedOutputs outputs;
  for (std::size_t i = 0; i < chain.size(); ++i) {
    outputs = chain[i].run(i == 0 ? images : find_output(outputs, chain[i - 1], "carry"), n);
    visit(i, outputs);
  }
}

Engine chained(const std::string& name, std::vector<Engine> chain) {
  return {name, [chain = std::move(chain)](std::span<const float> images, int n) {
            NamedOutputs last;
            run_chain(chain, images, n, [&](std::size_t, const NamedOutputs& outputs) { last = outputs; });
            return last;
          }};
}

Engine session_engine(const std::string& name, std::shared_ptr<const engine::Session> session) {
  return {
      name, [name, session = std::move(session)](std::span<const float> images, int n) {
        const engine::SessionInfo& shape = session->info();
        if (images.size() != static_cast<std::size_t>(n) * shape.input_size)
          fail("{}: found {} values for {} images, expected {} each", name, images.size(), n, shape.input_size);
        NamedOutputs outputs;
        const auto buffer = [&](const char* output, int width) -> float* {
          if (width == 0) return nullptr;
          return outputs.emplace(output, std::vector<float>(static_cast<std::size_t>(n) * width)).first->second.data();
        };
        engine::StageTensors buffers{images.data(), buffer("logits", shape.classes),
                                     buffer("features", shape.feature_width), buffer("carry", shape.carry_size)};
        if (auto status = session->run(n, buffers); !status) fail("{}: {}", name, status.error().message);
        return outputs;
      }};
}

}  // namespace triage::exporting
