#include "preprocess/conventions.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.h"
#include "core/statistics/statistics.h"

namespace triage::preprocess {
namespace {

struct Values {  // of an image in RGB
  const char* name;
  double scale;
  std::vector<double> mean, stddev;
};

constexpr double kUnit = 1.0 / 255;
constexpr int kSmallSide = 64;  // up to here networks come from CIFAR's world rather than from ImageNet's

std::vector<Values> colour_values(bool small) {
  const Values imagenet{"imagenet", kUnit, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  const Values unit{"0..1", kUnit, {0, 0, 0}, {1, 1, 1}};
  const Values symmetric{"-1..1", kUnit, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};
  const Values cifar{"cifar", kUnit, {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}};
  const Values levels{"0..255", 1, {0, 0, 0}, {1, 1, 1}};
  const Values centred{"0..255 minus imagenet mean", 1, {123.68, 116.779, 103.939}, {1, 1, 1}};
  if (small) return {unit, cifar, imagenet, symmetric, levels, centred};
  return {imagenet, unit, symmetric, cifar, levels, centred};
}

std::vector<Values> grey_values() {
  return {{"0..1", kUnit, {0}, {1}}, {"-1..1", kUnit, {0.5}, {0.5}},      {"mnist", kUnit, {0.1307}, {0.3081}},
          {"0..255", 1, {0}, {1}},   {"0..255 centred", 1, {127.5}, {1}}, {"imagenet grey", kUnit, {0.449}, {0.226}}};
}

Convention with_values(Convention convention, const Values& values, ChannelOrder order) {
  Preprocess& preprocess = convention.preprocess;
  convention.values = values.name;
  if (values.mean.size() == 3) convention.values += " " + to_string(order);
  preprocess.scale = values.scale;
  preprocess.mean = values.mean;
  preprocess.stddev = values.stddev;
  preprocess.order = order;
  if (order == ChannelOrder::bgr) {
    std::ranges::reverse(preprocess.mean);
    std::ranges::reverse(preprocess.stddev);
  }
  return convention;
}

Convention with_resize(Convention convention, std::string name, const Resize& resize) {
  convention.geometry = std::move(name);
  convention.preprocess.resize = resize;
  return convention;
}

// The shorter side to size / share, then the middle.
Convention with_crop(const Convention& base, double share, Interpolation interpolation) {
  const Resize resize{.mode = ResizeMode::shorter,
                      .height = static_cast<int>(std::floor(base.preprocess.height / share)),
                      .interpolation = interpolation};
  return with_resize(base, std::format("shorter side / {} {}", share, to_string(interpolation)), resize);
}

Convention squashed(const Convention& base, Interpolation interpolation, Resampler resampler) {
  const Resize resize{.mode = ResizeMode::exact,
                      .height = base.preprocess.height,
                      .width = base.preprocess.width,
                      .interpolation = interpolation,
                      .resampler = resampler};
  return with_resize(base, std::format("squash {} {}", to_string(interpolation), to_string(resampler)), resize);
}

std::size_t count(const std::vector<std::uint8_t>& right) {
  return static_cast<std::size_t>(std::ranges::count(right, 1));
}

double p_of(const ConventionTrial& a, const ConventionTrial& b) {
  std::size_t only_a = 0, only_b = 0;
  for (std::size_t i = 0; i < a.right.size(); ++i) {
    only_a += a.right[i] > b.right[i];
    only_b += a.right[i] < b.right[i];
  }
  return mcnemar_p(only_a, only_b);
}

}  // namespace

ImageSize typical_size(std::span<const ImageSize> sizes) {
  const auto shorter = [](const ImageSize& size) { return std::min(size.height, size.width); };
  std::map<int, int> sides;
  std::map<std::pair<int, int>, int> whole;
  for (const ImageSize& size : sizes) ++sides[shorter(size)], ++whole[{size.height, size.width}];
  ImageSize best;
  std::pair<int, int> most;
  for (const ImageSize& size : sizes) {
    const std::pair frequent{sides[shorter(size)], whole[{size.height, size.width}]};
    if (frequent > most) best = size, most = frequent;
  }
  return best;
}

std::vector<Convention> value_conventions(const NetworkInput& input, const Convention& base) {
  std::vector<Convention> list;
  if (input.channels == 1) {
    for (const Values& values : grey_values()) list.push_back(with_values(base, values, ChannelOrder::rgb));
    return list;
  }
  std::vector<Values> all = colour_values(std::max(input.height, input.width) <= kSmallSide);
  // In BGR nearly always with the mean taken off whole levels: Caffe's networks, and Keras' of that origin.
  const Values caffe = all.back();
  all.pop_back();
  for (const Values& values : all) list.push_back(with_values(base, values, ChannelOrder::rgb));
  list.push_back(with_values(base, caffe, ChannelOrder::bgr));
  for (const Values& values : all) list.push_back(with_values(base, values, ChannelOrder::bgr));
  list.push_back(with_values(base, caffe, ChannelOrder::rgb));
  return list;
}

std::vector<Convention> geometry_conventions(const NetworkInput& input, ImageSize images, const Convention& base) {
  using enum Interpolation;
  const bool square = input.height == input.width;
  if (images.height == input.height && images.width == input.width)
    return {with_resize(base, "as it is", {.mode = ResizeMode::exact, .height = input.height, .width = input.width})};
  std::vector<Convention> list;
  if (square) {
    // Without a resize the filter does not matter.
    const bool fits = std::min(images.height, images.width) == input.height;
    if (fits) list.push_back(with_crop(base, 1.0, bilinear));
    list.push_back(with_crop(base, 0.875, bilinear));
    list.push_back(with_crop(base, 0.875, bicubic));
    for (const double share : {0.9, 0.95, 1.0}) {
      if (share == 1 && fits) continue;
      list.push_back(with_crop(base, share, bicubic));
      list.push_back(with_crop(base, share, bilinear));
    }
    if (images.height == images.width && images.height > 0) return list;  // squashing would be the same
  }
  list.push_back(squashed(base, bilinear, Resampler::pillow));
  list.push_back(squashed(base, bicubic, Resampler::pillow));
  list.push_back(squashed(base, bilinear, Resampler::opencv));
  return list;
}

ConventionSearch::ConventionSearch(const NetworkInput& input, ImageSize images) : input_(input), images_(images) {
  if (input.channels != 1 && input.channels != 3)
    fail("network input: expected 1 or 3 channels, found {}", input.channels);
  const Convention base = geometry_conventions(input, images, {.preprocess = plain_preprocess(input)}).front();
  next_ = value_conventions(input, base);
}

void ConventionSearch::answer(const std::vector<std::vector<std::uint8_t>>& right) {
  if (right.size() != next_.size() || next_.empty())
    fail("preprocessing: expected the answers of {} trials, found {}", next_.size(), right.size());
  const std::size_t images = trials_.empty() ? right[0].size() : trials_[0].right.size();
  for (const auto& one : right) {
    if (one.size() != images || images == 0)
      fail("preprocessing: expected the answers about {} images for each trial, found {}", images, one.size());
  }
  const std::size_t before = chosen_, first = trials_.size();
  for (std::size_t i = 0; i < right.size(); ++i)
    trials_.push_back({.convention = next_[i],
                       .right = right[i],
                       .accuracy = static_cast<double>(count(right[i])) / static_cast<double>(images)});
  std::vector<std::size_t> stage;
  if (first > 0) stage.push_back(before);  // the first geometry of the list, tried already
  for (std::size_t i = first; i < trials_.size(); ++i) stage.push_back(i);
  choose(stage);
  next_.clear();
  if (first > 0) return;
  next_ = geometry_conventions(input_, images_, trials_[chosen_].convention);
  next_.erase(next_.begin());
}

void ConventionSearch::choose(const std::vector<std::size_t>& stage) {
  const std::size_t top = *std::ranges::max_element(stage, {}, [&](std::size_t i) { return trials_[i].accuracy; });
  chosen_ = *std::ranges::find_if(
      stage, [&](std::size_t i) { return i == top || p_of(trials_[i], trials_[top]) > kConventionNoise; });
  for (ConventionTrial& trial : trials_) trial.p_value = p_of(trial, trials_[chosen_]);
}

std::vector<std::size_t> ConventionSearch::alike() const {
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < trials_.size(); ++i) {
    if (i != chosen_ && trials_[i].p_value > kConventionNoise && trials_[i].right != trials_[chosen_].right)
      list.push_back(i);
  }
  return list;
}

}  // namespace triage::preprocess
