#include "workflow/cascade/ask_net.h"

#include <algorithm>

#include "core/files/temporary.h"
#include "engine/registry.h"
#include "preprocess/preprocessor.h"

namespace triage::workflow {
namespace {

constexpr std::size_t kBatch = 32;

}  // namespace

std::unique_ptr<engine::Session> open_adapted(const onnx::ModelProto& model, const std::string& origin) {
  std::string bytes;
  if (!model.SerializeToString(&bytes)) fail("{}: too large to be kept in one ONNX file (2 GB)", origin);
  const TemporaryDirectory directory("import");
  const char* const file = "net.onnx";
  write_file_atomic(directory.path() / file, bytes);
  const engine::EngineSpec spec;
  auto opened = engine::open_session(engine::engine_for(spec), {.engine = spec, .file = file}, directory.path(), spec);
  if (!opened) fail("{}: {}", origin, opened.error().message);
  return std::move(*opened);
}

std::vector<float> ask_net(const engine::Session& session, const preprocess::Preprocess& preprocess,
                           const data::Dataset& dataset, std::span<const std::uint32_t> images) {
  data::Image decoded;
  return ask_net(session, preprocess, images.size(), [&](std::size_t i) { return dataset.view(images[i], decoded); });
}

std::vector<float> ask_net(const engine::Session& session, const preprocess::Preprocess& preprocess, std::size_t count,
                           const std::function<ImageView(std::size_t i)>& image_at) {
  const engine::SessionInfo& shape = session.info();
  const preprocess::Preprocessor preprocessor(preprocess);
  const std::size_t elements = preprocessor.elements(), classes = static_cast<std::size_t>(shape.classes);
  if (elements != static_cast<std::size_t>(shape.input_size))
    fail("preprocessing: makes {} values of an image, expected {}", elements, shape.input_size);
  preprocess::Scratch scratch;
  std::vector<float> input(kBatch * elements), features(kBatch * static_cast<std::size_t>(shape.feature_width));
  std::vector<float> answers(count * classes);
  for (std::size_t first = 0; first < count; first += kBatch) {
    const std::size_t n = std::min(kBatch, count - first);
    for (std::size_t i = 0; i < n; ++i) {
      const ImageView image = image_at(first + i);
      preprocessor.check(image);
      preprocessor.run(image, &input[i * elements], scratch);
    }
    const Status status = session.run(static_cast<int>(n), {.input = input.data(),
                                                            .logits = &answers[first * classes],
                                                            .features = features.empty() ? nullptr : features.data()});
    if (!status) fail("{}", status.error().message);
  }
  return answers;
}

std::vector<int> likeliest(std::span<const float> answers, std::size_t width) {
  std::vector<int> labels;
  for (std::size_t row = 0; row < answers.size(); row += width) {
    const auto values = answers.subspan(row, width);
    labels.push_back(static_cast<int>(std::ranges::max_element(values) - values.begin()));
  }
  return labels;
}

double share_right(std::span<const float> answers, std::span<const Label> labels) {
  const std::vector<int> said = likeliest(answers, answers.size() / labels.size());
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) right += said[i] == static_cast<int>(labels[i]) ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

}  // namespace triage::workflow
