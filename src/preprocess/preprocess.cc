// Preprocess <-> JSON.
#include "preprocess/preprocess.h"

#include <algorithm>
#include <array>

#include "core/text.h"

namespace triage::preprocess {
namespace {

constexpr int kMaxChannels = 4096;
constexpr double kMinFactor = 1e-9, kMaxFactor = 1e9;  // of scale and stddev

template <class T>
struct Named {
  T value;
  const char* name;
};
constexpr std::array kModes{Named{ResizeMode::none, "none"}, Named{ResizeMode::shorter, "shorter"},
                            Named{ResizeMode::exact, "exact"}};
constexpr std::array kInterpolations{Named{Interpolation::nearest, "nearest"},
                                     Named{Interpolation::bilinear, "bilinear"},
                                     Named{Interpolation::bicubic, "bicubic"}, Named{Interpolation::area, "area"}};
constexpr std::array kResamplers{Named{Resampler::pillow, "pillow"}, Named{Resampler::opencv, "opencv"}};
constexpr std::array kOrders{Named{ChannelOrder::rgb, "rgb"}, Named{ChannelOrder::bgr, "bgr"}};
constexpr std::array kLayouts{Named{Layout::nchw, "nchw"}, Named{Layout::nhwc, "nhwc"}};

template <class T, std::size_t N>
const char* name_of(const std::array<Named<T>, N>& names, T value) {
  return std::ranges::find(names, value, &Named<T>::value)->name;
}

template <class T, std::size_t N>
T named(const JsonReader& json, const char* key, const std::array<Named<T>, N>& names) {
  const auto text = json.get<std::string>(key);
  const auto found = std::ranges::find_if(names, [&](const Named<T>& one) { return text == one.name; });
  if (found == names.end()) json.at(key).fail_here("one of " + joined(names, &Named<T>::name));
  return found->value;
}

Json to_json(const Resize& resize) {
  Json json = {{"mode", name_of(kModes, resize.mode)}};
  if (resize.mode == ResizeMode::none) return json;
  json["height"] = resize.height;
  if (resize.mode == ResizeMode::exact) json["width"] = resize.width;
  json["interpolation"] = name_of(kInterpolations, resize.interpolation);
  json["resampler"] = name_of(kResamplers, resize.resampler);
  return json;
}

Resize resize_from_json(const JsonReader& json) {
  Resize resize{.mode = named(json, "mode", kModes)};
  if (resize.mode == ResizeMode::none) return resize;
  resize.height = json.get_in("height", 1, kMaxSide);
  if (resize.mode == ResizeMode::exact) resize.width = json.get_in("width", 1, kMaxSide);
  resize.interpolation = named(json, "interpolation", kInterpolations);
  resize.resampler = named(json, "resampler", kResamplers);
  return resize;
}

std::vector<double> one_for_each_channel(const JsonReader& list, int channels) {
  if (list.size() != static_cast<std::size_t>(channels))
    list.fail_here(std::format("{} numbers, one for each channel", channels));
  return list.as<std::vector<double>>();
}

}  // namespace

std::string to_string(ResizeMode mode) { return name_of(kModes, mode); }
std::string to_string(Interpolation interpolation) { return name_of(kInterpolations, interpolation); }
std::string to_string(Resampler resampler) { return name_of(kResamplers, resampler); }
std::string to_string(ChannelOrder order) { return name_of(kOrders, order); }
std::string to_string(Layout layout) { return name_of(kLayouts, layout); }

Json to_json(const Preprocess& preprocess) {
  return {{"resize", to_json(preprocess.resize)},
          {"height", preprocess.height},
          {"width", preprocess.width},
          {"channels", preprocess.channels},
          {"order", to_string(preprocess.order)},
          {"layout", to_string(preprocess.layout)},
          {"scale", preprocess.scale},
          {"mean", preprocess.mean},
          {"stddev", preprocess.stddev}};
}

Preprocess preprocess_from_json(const JsonReader& json) {
  Preprocess preprocess;
  preprocess.resize = resize_from_json(json.at("resize"));
  preprocess.height = json.get_in("height", 1, kMaxSide);
  preprocess.width = json.get_in("width", 1, kMaxSide);
  preprocess.channels = json.get_in("channels", 1, kMaxChannels);
  preprocess.order = named(json, "order", kOrders);
  if (preprocess.order == ChannelOrder::bgr && preprocess.channels != 3)
    json.at("order").fail_here("rgb where there are not 3 channels");
  preprocess.layout = named(json, "layout", kLayouts);
  preprocess.scale = json.get_in("scale", kMinFactor, kMaxFactor);
  preprocess.mean = one_for_each_channel(json.at("mean"), preprocess.channels);
  const JsonReader stddev = json.at("stddev");
  preprocess.stddev = one_for_each_channel(stddev, preprocess.channels);
  for (std::size_t i = 0; i < stddev.size(); ++i) {
    if (!(preprocess.stddev[i] >= kMinFactor && preprocess.stddev[i] <= kMaxFactor))
      stddev.at(i).fail_here(std::format("a number from {} to {}", kMinFactor, kMaxFactor));
  }
  return preprocess;
}

}  // namespace triage::preprocess
