// What happens to the pixels of an image before a network sees them: the preprocessing that a network was trained with,
// as data. plan.json holds one for each image stage that has its own; preprocessor.h carries it out.
//
// In this order: the channels are brought to `channels` (grey from colour by Rec. 601, colour from grey by repeating),
// the image is resized, the middle of crop size is cut out (black where the image is smaller), and each value becomes
//   (pixel * scale - mean[channel]) / stddev[channel]
// in `order` and `layout`. mean and stddev are in the order of the channels of the output.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/json.h"

namespace triage::preprocess {

inline constexpr int kMaxSide = 4096;  // of what a network sees

enum class ResizeMode {
  none,     // the image keeps its size
  shorter,  // the shorter side becomes `height`, the other one keeps the aspect ratio, rounded down as torchvision does
  exact,    // height x width, whatever the aspect ratio was
};
enum class Interpolation { nearest, bilinear, bicubic, area };
enum class Resampler {  // whose values, at most one level off
  pillow,               // PIL.Image.resize: antialiased, kernel widened when shrinking
  opencv,               // cv::resize: not antialiased (area is)
};

struct Resize {
  ResizeMode mode = ResizeMode::none;
  int height = 0, width = 0;  // shorter: `height` alone
  Interpolation interpolation = Interpolation::bilinear;
  Resampler resampler = Resampler::pillow;
  bool operator==(const Resize&) const = default;
};

enum class ChannelOrder { rgb, bgr };  // of an image of one channel: rgb
enum class Layout { nchw, nhwc };

struct Preprocess {
  Resize resize;
  int height = 0, width = 0, channels = 3;  // of the output; where the resized image is another size, its middle
  ChannelOrder order = ChannelOrder::rgb;
  Layout layout = Layout::nchw;
  double scale = 1.0 / 255;
  std::vector<double> mean, stddev;  // [channels]; stddev above 0

  std::size_t elements() const { return static_cast<std::size_t>(height) * width * channels; }
  bool operator==(const Preprocess&) const = default;
};

std::string to_string(ResizeMode mode);  // as in plan.json: the name of the value
std::string to_string(Interpolation interpolation);
std::string to_string(Resampler resampler);
std::string to_string(ChannelOrder order);
std::string to_string(Layout layout);

// Reading checks everything; throws Error naming field, found and expected.
Json to_json(const Preprocess& preprocess);
Preprocess preprocess_from_json(const JsonReader& json);

}  // namespace triage::preprocess
