// Map: check() and the constructor, then run(): resized rows are made as far as each output row needs them, so that
// they are still in the cache when they are mixed. Source (grey, or the image itself) -> rows -> line -> output.
#include "preprocess/preprocessor.h"

#include <algorithm>
#include <type_traits>

#include "core/error.h"
#include "preprocess/resize_kernels.h"

namespace triage::preprocess {
namespace {

// Where the rows of one image go: output, and what is black in it.
class Output {
 public:
  Output(const Preprocess& spec, int pixel_channels, const Windows& windows, const std::vector<float>& level,
         const std::vector<float>& factor, float* output)
      : spec_(spec), windows_(windows), store_(resize_kernels().store), output_(output) {
    const bool planes = spec.layout == Layout::nchw;
    values_ = {.channels = spec.channels,
               .pixel_channels = pixel_channels,
               .reversed = spec.order == ChannelOrder::bgr,
               .level = level.data(),
               .factor = factor.data(),
               .channel_stride = planes ? static_cast<std::ptrdiff_t>(spec.height) * spec.width : 1,
               .pixel_stride = planes ? 1 : spec.channels};
    for (int y = 0; y < windows.rows.before; ++y) black(y, 0, spec.width);
    for (int y = windows.rows.before + windows.rows.count; y < spec.height; ++y) black(y, 0, spec.width);
  }

  // Row y of those that are kept.
  void row(int y, const std::uint8_t* pixels) const {
    const int at = windows_.rows.before + y, begin = windows_.columns.before, end = begin + windows_.columns.count;
    store_(pixels, windows_.columns.count, values_, place(at, begin));
    black(at, 0, begin);
    black(at, end, spec_.width);
  }

 private:
  float* place(int y, int x) const {
    return output_ + (static_cast<std::ptrdiff_t>(y) * spec_.width + x) * values_.pixel_stride;
  }
  void black(int y, int begin, int end) const {
    for (int c = 0; c < spec_.channels; ++c) {
      const float value = (0.0f - values_.level[c]) * values_.factor[c];
      for (int x = begin; x < end; ++x) place(y, x)[c * values_.channel_stride] = value;
    }
  }

  const Preprocess& spec_;
  const Windows& windows_;
  decltype(ResizeKernels::store) store_;
  PixelValues values_;
  float* output_;
};

// Where the last bits of the rows between the passes count: OpenCV rounds once, Pillow after each pass.
bool precise(const Resize& resize) {
  return resize.resampler == Resampler::opencv && resize.interpolation != Interpolation::nearest;
}

// Down the rows of `source`, which are as wide as the output: [begin of the table's rows ...][values].
template <class Value, class Need, class Down>
void resize_down(const Value* source, std::ptrdiff_t stride, const AxisTable& rows, int values, const Need& need,
                 Down down, std::vector<std::uint8_t>& line, const Output& output) {
  line.resize(static_cast<std::size_t>(values));
  for (int y = 0; y < rows.key.window.count; ++y) {
    const int first = rows.first[static_cast<std::size_t>(y)];
    need(first + rows.taps);
    const Value* const from = source + (first - rows.first.front()) * stride;
    if constexpr (std::is_same_v<Value, std::uint8_t>) {
      if (rows.taps == 1) {
        output.row(y, from);
        continue;
      }
    }
    down(from, stride, rows, y, values, line.data());
    output.row(y, line.data());
  }
}

// Both passes. Values between them: rounded to 8 bits, or not.
template <class Value, class Across, class Down>
void resize(const PixelRows& source, const AxisTable& columns, const AxisTable& rows, Across across, Down down,
            std::vector<Value>& between, Scratch& scratch, const Output& output) {
  const ResizeKernels& kernels = resize_kernels();
  const int values = columns.key.window.count * source.channels;
  const int begin = rows.first.front(), end = rows.first.back() + rows.taps;
  between.resize(static_cast<std::size_t>(end - begin) * static_cast<std::size_t>(values));
  scratch.work.resize(kernels.across_work(columns, source.channels));
  int done = begin;
  const auto need = [&](int until) {
    for (; done < until; done += kernels.lanes) {
      PixelRows block = source;
      block.pixels += done * source.stride;
      block.count = std::min(kernels.lanes, end - done);
      across(block, columns, scratch.work.data(), between.data() + static_cast<std::ptrdiff_t>(done - begin) * values);
    }
  };
  resize_down(between.data(), values, rows, values, need, down, scratch.line, output);
}

}  // namespace

Preprocessor::Preprocessor(const Preprocess& spec) : spec_(spec) {
  for (std::size_t c = 0; c < static_cast<std::size_t>(spec.channels); ++c) {
    level_.push_back(static_cast<float>(spec.mean[c] / spec.scale));
    factor_.push_back(static_cast<float>(spec.scale / spec.stddev[c]));
  }
}

void Preprocessor::check(const ImageView& image) const {
  windows(spec_, image.height, image.width);
  const int found = image.channels, expected = spec_.channels;
  if (found != expected && !(found == 1 && expected == 3) && !(found == 3 && expected == 1))
    fail("image: found {} channels, expected {}", found,
         expected == 1 || expected == 3 ? "1 or 3" : std::to_string(expected));
}

void Preprocessor::run(const ImageView& image, float* output, Scratch& scratch) const {
  const Windows kept = windows(spec_, image.height, image.width);
  const ResizeKernels& kernels = resize_kernels();
  PixelRows source{.pixels = image.pixels, .count = image.height, .channels = image.channels};
  source.stride = static_cast<std::ptrdiff_t>(image.width) * image.channels;
  if (image.channels == 3 && spec_.channels == 1) {
    const std::ptrdiff_t pixels = static_cast<std::ptrdiff_t>(image.width) * image.height;
    scratch.grey.resize(static_cast<std::size_t>(pixels));
    kernels.grey(image.pixels, pixels, scratch.grey.data());
    source.pixels = scratch.grey.data();
    source.stride = image.width;
    source.channels = 1;
  }
  const Output to(spec_, source.channels, kept, level_, factor_, output);
  const auto key = [&](const AxisWindow& window) {
    return AxisKey{.window = window,
                   .interpolation = spec_.resize.interpolation,
                   .resampler = spec_.resize.resampler,
                   .shrinks = kept.rows.resized <= kept.rows.in && kept.columns.resized <= kept.columns.in};
  };
  if (kept.rows.in == kept.rows.resized && kept.columns.in == kept.columns.resized) {  // nothing to resize
    for (int y = 0; y < kept.rows.count; ++y)
      to.row(y, source.pixels + (kept.rows.first + y) * source.stride +
                    static_cast<std::ptrdiff_t>(kept.columns.first) * source.channels);
    return;
  }
  const AxisTable& columns = scratch.table(key(kept.columns));
  const AxisTable& rows = scratch.table(key(kept.rows));
  if (precise(spec_.resize)) {
    resize(source, columns, rows, kernels.across_precise, kernels.down_precise, scratch.precise_rows, scratch, to);
  } else if (columns.copies) {
    const std::uint8_t* const first =
        source.pixels + rows.first.front() * source.stride + columns.first.front() * source.channels;
    const auto all_there = [](int) {};
    resize_down(first, source.stride, rows, columns.key.window.count * source.channels, all_there, kernels.down,
                scratch.line, to);
  } else {
    resize(source, columns, rows, kernels.across, kernels.down, scratch.rows, scratch, to);
  }
}

}  // namespace triage::preprocess
