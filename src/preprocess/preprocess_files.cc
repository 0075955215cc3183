#include "preprocess/preprocess_files.h"

#include <cmath>
#include <map>

#include "core/error.h"

namespace triage::preprocess {
namespace {

constexpr const char *kTimm = "config.json", *kHuggingFace = "preprocessor_config.json";

bool is_timm(const JsonReader& json) { return json.has("pretrained_cfg") || (json.has("mean") && json.has("std")); }

bool is_hugging_face(const JsonReader& json) {
  for (const char* key : {"image_mean", "do_resize", "do_normalize", "do_rescale", "image_processor_type"})
    if (json.has(key)) return true;
  return false;
}

std::vector<double> per_channel(const JsonReader& json, const char* key, int channels) {
  const JsonReader list = json.at(key);
  if (list.size() != static_cast<std::size_t>(channels))
    list.fail_here(std::format("{} numbers, one for each channel of the network", channels));
  return list.as<std::vector<double>>();
}

// A number of pixels, so that what is computed from it fits an int.
int pixels(const JsonReader& json, const char* key) { return json.get_in(key, 1, kMaxSide); }

// What was read, held against the rules of plan.json: the one list of what a Preprocessor takes.
Preprocess checked(const Preprocess& preprocess, const JsonReader& json) {
  const Json written = to_json(preprocess);
  return preprocess_from_json(JsonReader(written, json.where() + " as preprocessing"));
}

Preprocess from_timm(const JsonReader& file, const NetworkInput& input) {
  const JsonReader json = file.has("pretrained_cfg") ? file.at("pretrained_cfg") : file;
  Preprocess result = plain_preprocess(input);
  result.mean = per_channel(json, "mean", input.channels);
  result.stddev = per_channel(json, "std", input.channels);
  const double share = json.has("crop_pct") ? json.get_in("crop_pct", 0.01, 10.0) : 0.875;
  const auto grown = [&](int side) { return static_cast<int>(std::floor(side / share)); };
  Resize& resize = result.resize;
  resize.height = grown(input.height);
  const auto mode = json.get_or<std::string>("crop_mode", "center");
  if (mode == "squash") {
    resize.mode = ResizeMode::exact;
    resize.width = grown(input.width);
  } else if (mode == "center") {
    resize.mode = ResizeMode::shorter;
    if (input.height != input.width)
      fail("{}: crop_mode: expected squash for a network that takes {}x{} (height x width), found center", json.where(),
           input.height, input.width);
  } else {
    json.at("crop_mode").fail_here("center or squash");
  }
  const auto interpolation = json.get_or<std::string>("interpolation", "bicubic");
  static const std::map<std::string, Interpolation> kNames{{"nearest", Interpolation::nearest},
                                                           {"bilinear", Interpolation::bilinear},
                                                           {"bicubic", Interpolation::bicubic},
                                                           {"box", Interpolation::area}};
  const auto found = kNames.find(interpolation);
  if (found == kNames.end()) json.at("interpolation").fail_here("nearest, bilinear, bicubic or box");
  resize.interpolation = found->second;
  return checked(result, json);
}

bool flag(const JsonReader& json, const char* key, bool fallback) { return json.get_or<bool>(key, fallback); }

// size and crop_size: a number or an object.
struct Size {
  int height = 0, width = 0;  // width 0: of the shorter side alone
};

Size size_from(const JsonReader& json, const char* key, bool number_is_shorter) {
  const JsonReader size = json.at(key);
  if (size.json().is_number()) {
    const int side = pixels(json, key);
    return {side, number_is_shorter ? 0 : side};
  }
  if (size.has("height") && size.has("width")) return {pixels(size, "height"), pixels(size, "width")};
  if (!size.has("shortest_edge")) size.fail_here("a number, height and width, or shortest_edge");
  if (size.has("longest_edge")) size.at("longest_edge").fail_here("none: images of any aspect ratio become one size");
  return {pixels(size, "shortest_edge"), 0};
}

Interpolation resample_from(const JsonReader& json) {  // PIL.Image.Resampling
  switch (json.get<int>("resample")) {
    case 0:
      return Interpolation::nearest;
    case 2:
      return Interpolation::bilinear;
    case 3:
      return Interpolation::bicubic;
    case 4:
      return Interpolation::area;
    default:
      json.at("resample").fail_here("0 (nearest), 2 (bilinear), 3 (bicubic) or 4 (box)");
  }
}

void read_geometry(const JsonReader& json, const NetworkInput& input, Preprocess& result) {
  // Before there was do_center_crop in a file, a crop_size or crop_pct meant it.
  const bool crop = flag(json, "do_center_crop", json.has("crop_size") || json.has("crop_pct"));
  Resize& resize = result.resize;
  const char* decides = "size";  // which field says the size of the output
  Size out;
  if (flag(json, "do_resize", true)) {
    out = size_from(json, "size", crop);
    const Size size = out;
    resize = {.mode = size.width == 0 ? ResizeMode::shorter : ResizeMode::exact,
              .height = size.height,
              .width = size.width,
              .interpolation = resample_from(json)};
    constexpr int kSquashedFrom = 384;  // ConvNextImageProcessor crops nothing from here on
    if (json.has("crop_pct") && !json.json()["crop_pct"].is_null() && size.width == 0) {
      const double share = json.get_in("crop_pct", 0.01, 10.0);
      if (size.height >= kSquashedFrom && !json.has("crop_size")) {
        resize.mode = ResizeMode::exact;
        resize.width = size.height;
      } else {
        resize.height = static_cast<int>(size.height / share);
      }
      out.width = size.height;
    }
  }
  if (crop && json.has("crop_size")) {
    decides = "crop_size";
    out = size_from(json, "crop_size", false);
  }
  if (out.height == 0) return;  // neither resize nor crop: the images have the network's size
  if (out.width == 0) json.at("size").fail_here("height and width, or a crop_size with do_center_crop");
  if (out.height != input.height || out.width != input.width)
    json.at(decides).fail_here(
        std::format("the size that the network takes, {}x{} (height x width)", input.height, input.width));
}

void read_values(const JsonReader& json, Preprocess& result) {
  const double levels = 1.0 / 255;
  result.scale = flag(json, "do_rescale", true) ? json.get_or<double>("rescale_factor", levels) : 1;
  const double offset = flag(json, "rescale_offset", false) ? 1 : 0;  // EfficientNet: subtracted behind the factor
  if (flag(json, "do_normalize", json.has("image_mean"))) {
    result.mean = per_channel(json, "image_mean", result.channels);
    result.stddev = per_channel(json, "image_std", result.channels);
  }
  const bool again = flag(json, "include_top", false);  // EfficientNet: divided once more by image_std
  for (std::size_t c = 0; c < result.mean.size(); ++c) {
    result.mean[c] += offset;
    if (again) result.stddev[c] *= result.stddev[c];
  }
  if (flag(json, "do_flip_channel_order", false)) result.order = ChannelOrder::bgr;
}

Preprocess from_hugging_face(const JsonReader& json, const NetworkInput& input) {
  for (const char* key : {"do_pad", "do_thumbnail", "do_align_long_axis", "do_grayscale"})
    if (flag(json, key, false)) json.at(key).fail_here("false: it cannot be done here");
  Preprocess result = plain_preprocess(input);
  read_geometry(json, input, result);
  read_values(json, result);
  return checked(result, json);
}

}  // namespace

Preprocess preprocess_of(const JsonReader& file, const NetworkInput& input) {
  if (file.has("resize")) {
    Preprocess own = preprocess_from_json(file);
    if (own.height != input.height || own.width != input.width || own.channels != input.channels ||
        own.layout != input.layout)
      fail("{}: expected {}x{}x{} {} as the network takes, found {}x{}x{} {} (height x width x channels, layout)",
           file.where(), input.height, input.width, input.channels, to_string(input.layout), own.height, own.width,
           own.channels, to_string(own.layout));
    return own;
  }
  if (is_timm(file)) return from_timm(file, input);
  if (is_hugging_face(file)) return from_hugging_face(file, input);
  fail(
      "{}: expected timm's config.json (pretrained_cfg), Hugging Face's preprocessor_config.json (do_resize, size, "
      "image_mean) or plan.json's preprocess (resize, mean), found none of their fields",
      file.where());
}

Preprocess read_preprocess_file(const fs::path& file, const NetworkInput& input) {
  const Json json = read_json(file);
  return preprocess_of(JsonReader(json, file.string()), input);
}

std::optional<fs::path> preprocess_file_of(const fs::path& onnx) {
  if (fs::path own = fs::path(onnx).replace_extension(".preprocess.json"); fs::exists(own)) return own;
  std::vector<fs::path> folders{onnx.parent_path()};
  if (folders[0].filename() == "onnx") folders.push_back(folders[0].parent_path());
  for (const fs::path& folder : folders) {
    if (fs::exists(folder / kHuggingFace)) return folder / kHuggingFace;
    if (!fs::exists(folder / kTimm)) continue;
    const Json text = read_json(folder / kTimm);  // transformers and others have a config.json, too
    if (is_timm(JsonReader(text, kTimm))) return folder / kTimm;
  }
  return std::nullopt;
}

}  // namespace triage::preprocess
