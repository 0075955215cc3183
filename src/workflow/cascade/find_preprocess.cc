#include "workflow/cascade/find_preprocess.h"

#include <algorithm>
#include <format>

#include "core/progress.h"
#include "workflow/cascade/ask_net.h"

namespace triage::workflow {
namespace {

// 1 for each image that the net is right about under this preprocessing.
std::vector<std::uint8_t> right_about(const engine::Session& session, const preprocess::Preprocess& preprocess,
                                      const data::Dataset& dataset, std::span<const std::uint32_t> images) {
  const std::vector<int> said =
      likeliest(ask_net(session, preprocess, dataset, images), static_cast<std::size_t>(session.info().classes));
  std::vector<std::uint8_t> right;
  for (std::size_t i = 0; i < images.size(); ++i)
    right.push_back(said[i] == static_cast<int>(dataset.label(images[i])) ? 1 : 0);
  return right;
}

// That most of the images have, by the first of them.
preprocess::ImageSize size_of(const data::Dataset& dataset, std::span<const std::uint32_t> images) {
  constexpr std::size_t kLookedAt = 64;
  std::vector<preprocess::ImageSize> sizes;
  data::Image decoded;
  for (const std::uint32_t image : images.first(std::min(images.size(), kLookedAt))) {
    const ImageView view = dataset.view(image, decoded);
    sizes.push_back({view.height, view.width});
  }
  return preprocess::typical_size(sizes);
}

std::string name_of(const preprocess::Convention& convention) {
  return std::format("{}, {}", convention.values, convention.geometry);
}

}  // namespace

preprocess::NetworkInput input_shape(const importing::NetInput& input) {
  return {.height = input.height, .width = input.width, .channels = input.channels, .layout = input.layout};
}

std::vector<PreprocessTrial> find_preprocess(const importing::OnnxNet& net, const engine::Session& session,
                                             const data::Dataset& dataset, std::span<const std::uint32_t> images,
                                             const Context& context, std::vector<std::string>& notes) {
  preprocess::ConventionSearch search(input_shape(net.input), size_of(dataset, images));
  Progress progress(context, "preprocessing of " + net.name, 0, "trials");
  while (!search.next().empty()) {
    std::vector<std::vector<std::uint8_t>> right;
    for (const preprocess::Convention& convention : search.next()) {
      if (context.stop.requested())
        throw Interrupted("stopped while trying preprocessings; run the same command again");
      right.push_back(right_about(session, convention.preprocess, dataset, images));
      progress.update(search.trials().size() + right.size());
    }
    search.answer(right);
  }
  progress.finish();

  const auto& trials = search.trials();
  for (const std::size_t other : search.alike()) {
    notes.push_back(std::format("'{}' is as good on these images (p = {:.2f}); the more usual '{}' was taken",
                                name_of(trials[other].convention), trials[other].p_value,
                                name_of(trials[search.chosen()].convention)));
  }
  std::vector<PreprocessTrial> tried;
  for (const preprocess::ConventionTrial& trial : trials)
    tried.push_back({name_of(trial.convention), trial.convention.preprocess, trial.accuracy});
  std::swap(tried.front(), tried[search.chosen()]);
  std::ranges::stable_sort(tried.begin() + 1, tried.end(), std::greater(), &PreprocessTrial::accuracy);
  return tried;
}

}  // namespace triage::workflow
