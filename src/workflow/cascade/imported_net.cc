// Map: read and open the net as it is; see what its answers are; find its preprocessing; hold the classes against the
// labels; write the stage's file.
#include "workflow/cascade/imported_net.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>
#include <numeric>

#include "core/error.h"
#include "core/text.h"
#include "model/counts.h"
#include "model/onnx/read.h"
#include "preprocess/preprocess_files.h"
#include "workflow/build/stage_counts.h"
#include "workflow/cascade/ask_net.h"
#include "workflow/cascade/find_preprocess.h"

namespace triage::workflow {
namespace {

using importing::Adaptation;
using importing::OnnxNet;

constexpr std::size_t kAsked = 500;  // images, at most
constexpr std::size_t kLookedAt = 64;

// Which value of the answer each class of the data set is; empty: the first to the last.
std::vector<int> class_places(const OnnxNet& net, const NetSource& source, const std::vector<std::string>& classes) {
  std::vector<int> at;
  if (!source.classes.empty()) {
    for (const std::string& name : classes) {
      const auto found = std::ranges::find(source.classes, name);
      if (found == source.classes.end())
        fail("{}: classes: expected one named '{}' as in the data set, found {} others: {}, ...", net.file.string(),
             name, source.classes.size(), source.classes.front());
      at.push_back(static_cast<int>(found - source.classes.begin()));
    }
    return at;
  }
  if (net.width == static_cast<int>(classes.size())) return at;
  for (int c = 1; c < net.width; ++c) at.push_back(c);  // a background class is the first one
  return at;
}

bool same_answers(const engine::Session& one, const engine::Session& other, const preprocess::Preprocess& preprocess,
                  const data::Dataset& dataset, std::span<const std::uint32_t> images, float tolerance) {
  return std::ranges::all_of(
      std::array{std::size_t{1}, std::min<std::size_t>(3, images.size()), std::min(kLookedAt, images.size())},
      [&](std::size_t n) {
        return std::ranges::equal(
            ask_net(one, preprocess, dataset, images.first(n)), ask_net(other, preprocess, dataset, images.first(n)),
            [tolerance](float a, float b) { return std::abs(a - b) <= tolerance * (1 + std::abs(b)); });
      });
}

// The net for any batch size, where it was exported for one and its answers stay the same; else as it is.
bool runs_any_batch(const OnnxNet& net, Adaptation adaptation, const engine::Session& fixed,
                    const preprocess::Preprocess& preprocess, const data::Dataset& dataset,
                    std::span<const std::uint32_t> images) {
  constexpr float kClose = 1e-3f;  // other kernels for other batches
  adaptation.free_batch = true;
  try {
    const auto free = open_adapted(adapted(net, adaptation), net.file.string());
    return same_answers(*free, fixed, preprocess, dataset, images, kClose);
  } catch (const Error&) {  // its graph holds the batch size somewhere
    return false;
  }
}

// Null: no engine runs it.
std::unique_ptr<engine::Session> opened_if_possible(const onnx::ModelProto& model, const std::string& file) {
  try {
    return open_adapted(model, file);
  } catch (const Error&) {
    return nullptr;
  }
}

// The adapted net, opened; with what does not depend on the image as constants, where the answers stay the same.
struct OpenNet {
  onnx::ModelProto model;
  std::unique_ptr<engine::Session> session;
};
OpenNet open_net(const OnnxNet& net, const Adaptation& adaptation, const preprocess::Preprocess& preprocess,
                 const data::Dataset& dataset, std::span<const std::uint32_t> images) {
  constexpr float kClose = 1e-4f;  // rounding of fp32
  const std::string file = net.file.string();
  OpenNet open{.model = adapted(net, adaptation)};
  open.session = open_adapted(open.model, file);
  std::optional<onnx::ModelProto> lean = importing::folded(open.model, net.file);
  if (!lean) return open;
  auto session = opened_if_possible(*lean, file);
  if (session && same_answers(*session, *open.session, preprocess, dataset, images, kClose))
    open = {std::move(*lean), std::move(session)};
  return open;
}

// Where the net's answers are a relabelling of the images' classes: the order of its classes is another one.
void check_order(const OnnxNet& net, const std::vector<int>& said, const std::vector<Label>& labels,
                 const std::vector<std::string>& classes, double accuracy) {
  std::vector<std::vector<int>> counts(classes.size(), std::vector<int>(classes.size()));
  for (std::size_t i = 0; i < said.size(); ++i) ++counts[said[i]][labels[i]];
  std::vector<char> taken(classes.size());
  double relabelled = 0;
  std::vector<std::string> order(classes.size());
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto most = static_cast<std::size_t>(std::ranges::max_element(counts[c]) - counts[c].begin());
    if (taken[most]++ != 0) return;  // no relabelling
    relabelled += counts[c][most];
    order[c] = classes[most];
  }
  relabelled /= static_cast<double>(said.size());
  constexpr double kClear = 1.5;
  if (relabelled > kClear * accuracy)
    fail(
        "{}: classes: found {:.1f} % right in the data set's order, {:.1f} % in another one ({}): give the names of "
        "the "
        "net's classes",
        net.file.string(), 100 * accuracy, 100 * relabelled, joined(order));
}

}  // namespace

ImportedNet import_net(const NetSource& source, const data::Dataset& dataset, std::span<const std::uint32_t> images,
                       const fs::path& directory, const Context& context) {
  const std::vector<std::string>& classes = dataset.info().classes;
  const OnnxNet net =
      importing::read_onnx_net(source.net, static_cast<int>(classes.size()), static_cast<int>(source.classes.size()));
  const std::string file = net.file.string();
  images = images.first(std::min(images.size(), kAsked));
  if (images.empty()) fail("{}: found no labelled images to ask it about", file);
  std::vector<Label> labels;
  for (const std::uint32_t image : images) labels.push_back(dataset.label(image));

  ImportedNet made{.sha256 = net.sha256, .images = images.size()};
  Adaptation& adaptation = made.adaptation;
  adaptation.features = source.net.features;
  const auto whole = open_adapted(adapted(net, adaptation), file);
  const preprocess::NetworkInput shape = input_shape(net.input);
  made.preprocess_file =
      source.preprocess.empty() ? preprocess::preprocess_file_of(net.file).value_or(fs::path()) : source.preprocess;
  preprocess::Preprocess preprocess = made.preprocess_file.empty()
                                          ? preprocess::plain_preprocess(shape)
                                          : preprocess::read_preprocess_file(made.preprocess_file, shape);
  const auto looked_at = images.first(std::min(images.size(), kLookedAt));
  adaptation.answer = importing::answer_kind(ask_net(*whole, preprocess, dataset, looked_at),
                                             static_cast<std::size_t>(net.width), file);
  adaptation.class_at = class_places(net, source, classes);
  adaptation.free_batch =
      net.input.batch > 0 &&
      runs_any_batch(net, adaptation, *open_adapted(adapted(net, adaptation), file), preprocess, dataset, images);
  const auto [model, session] = open_net(net, adaptation, preprocess, dataset, images);

  if (made.preprocess_file.empty()) {
    made.trials = find_preprocess(net, *session, dataset, images, context, made.notes);
    preprocess = made.trials.front().preprocess;
  }
  const std::vector<int> said = likeliest(ask_net(*session, preprocess, dataset, images), classes.size());
  const auto correct = std::inner_product(said.begin(), said.end(), labels.begin(), 0.0, std::plus(),
                                          [](int a, Label b) { return a == static_cast<int>(b); });
  const double accuracy = correct / static_cast<double>(images.size());
  check_order(net, said, labels, classes, accuracy);
  const double guess = 1 / static_cast<double>(classes.size());
  if (accuracy < guess + 3 * std::sqrt(guess * (1 - guess) / static_cast<double>(images.size())))
    fail(
        "{}: found {:.1f} % of {} images right, expected more than a guess among {} classes: no classifier of these "
        "images, its classes are in another order, or its preprocessing is none that was tried",
        file, 100 * accuracy, images.size(), classes.size());

  std::string bytes;
  model.SerializeToString(&bytes);
  made.stage.name = source.name.empty() ? net.name : source.name;
  made.stage.onnx = made.stage.name + ".onnx";
  made.stage.sha256 = sha256_hex(bytes);
  made.stage.preprocess = preprocess;
  made.stage.feature_width = session->info().feature_width;
  write_file_atomic(directory / made.stage.onnx, bytes);
  add_counts(directory / made.stage.onnx, made.stage, made.notes);
  return made;
}

void add_counts(const fs::path& file, plan::Stage& stage, std::vector<std::string>& notes) {
  try {
    const model::Counts counts = model::count(model::read_onnx(file, {.batch = 1}));
    set_counts(stage, counts);
    stage.activation_bytes = counts.peak_activation_bytes;
    if (!counts.not_counted.empty())
      notes.push_back("multiply-adds are those of known nodes, not of " + joined(counts.not_counted));
  } catch (const Error& error) {
    notes.push_back(std::format("multiply-adds and memory are not known: {}", error.what()));
  }
}

}  // namespace triage::workflow
