#include "train/device/augment_tensors.h"

#include "data/augment.h"
#include "data/pixel_ops.h"
#include "train/device/step_graph.h"

namespace triage::train {
namespace {

// Mirrors positions outside [0, n) at the border pixels.
at::Tensor reflect(const at::Tensor& i, int n) { return (n - 1) - ((n - 1) - i.abs()).abs(); }

}  // namespace

DeviceImages::DeviceImages(const data::Dataset& data, const data::Normalization& normalization, data::PixelType type,
                           at::Device device)
    : stored_{{}, data.info().height, data.info().width, data.info().channels, {}} {
  const data::PixelPass pass(data.info(), normalization, type, {});
  const auto count = static_cast<std::int64_t>(data.size());
  const std::int64_t pixels = count * stored_.height * stored_.width;
  stored_.pixels =
      at::from_blob(const_cast<std::uint8_t*>(data.image(0)), {pixels, stored_.channels}, at::kByte).to(device);
  if (device.is_cpu()) stored_.pixels = stored_.pixels.clone();
  const data::PixelOps ops(data.info(), normalization, {});
  stored_.fill = at::tensor(std::vector<std::int32_t>(ops.fill().begin(), ops.fill().end()), at::kInt).to(device);
  at::Tensor labels = at::empty({count}, at::kLong);
  std::copy(data.labels().begin(), data.labels().end(), labels.mutable_data_ptr<std::int64_t>());
  labels_ = labels.to(device);
  const auto& values = pass.values();
  values_ = at::from_blob(const_cast<float*>(values.data()), {std::ssize(values)}, at::kFloat)
                .to(type == data::PixelType::bf16 ? at::kBFloat16 : at::kFloat)
                .clone()
                .to(device);
  const auto whole = at::TensorOptions(device).dtype(at::kInt);
  rows_ = at::arange(stored_.height, whole);
  columns_ = at::arange(stored_.width, whole);
  channel_offsets_ = at::arange(stored_.channels, whole) * 256;
}

at::Tensor DeviceImages::pixels(const at::Tensor& draws, const data::AugmentOptions& options) const {
  const auto column = [&](data::DrawColumn c) { return draws.select(1, static_cast<int>(c)).unsqueeze(1); };
  const std::int64_t count = draws.size(0), area = stored_.height * stored_.width;
  const at::Tensor rows = reflect(rows_ + column(data::DrawColumn::shift_y), stored_.height);  // [n, H]
  const at::Tensor mirrored = at::where(column(data::DrawColumn::flip).ne(0), (stored_.width - 1) - columns_, columns_);
  const at::Tensor columns = reflect(mirrored + column(data::DrawColumn::shift_x), stored_.width);  // [n, W]
  const at::Tensor in_image = (rows * stored_.width).unsqueeze(2) + columns.unsqueeze(1);           // [n, H, W]
  const bool changed = options.warps() || options.jitters();
  const auto taken = [&](const at::Tensor& from, const at::Tensor& image) {
    return from.index_select(0, (image.to(at::kLong).unsqueeze(1) * area + in_image).flatten()).to(at::kInt);
  };
  at::Tensor pixels;
  if (changed) {
    const at::Tensor colored = colored_pixels(warped_pixels(stored_, draws, options), draws, options);
    const at::Tensor images = at::arange(count, draws.options().dtype(at::kLong)).unsqueeze(1);
    pixels = taken(colored.reshape({count * area, stored_.channels}), images);
  } else {
    pixels = taken(stored_.pixels, column(data::DrawColumn::index));
  }
  if (!options.mixes()) return pixels;
  const at::Tensor whole = pixels.view({count, stored_.height, stored_.width, stored_.channels});
  return mixed_pixels(whole, draws).view({count * area, stored_.channels});
}

at::Tensor DeviceImages::augmented(const at::Tensor& draws, const data::AugmentOptions& options) const {
  const auto column = [&](data::DrawColumn c) { return draws.select(1, static_cast<int>(c)).unsqueeze(1); };
  const at::Tensor places = (pixels(draws, options) + channel_offsets_).flatten();
  at::Tensor images =
      values_.index_select(0, places).view({draws.size(0), stored_.height, stored_.width, stored_.channels});
  if (options.cutout > 0) {
    const auto inside = [&](const at::Tensor& position, data::DrawColumn centre) {
      const at::Tensor begin = column(centre) - options.cutout / 2;
      return position.ge(begin).logical_and(position.lt(begin + options.cutout));
    };
    const at::Tensor hole = inside(rows_, data::DrawColumn::cut_y)
                                .unsqueeze(2)
                                .logical_and(inside(columns_, data::DrawColumn::cut_x).unsqueeze(1));
    images = images.masked_fill(hole.unsqueeze(3), 0);  // 0 is the mean
  }
  if (options.erase > 0) {
    const at::Tensor erased = inside_box(draws, data::DrawColumn::erased_top, stored_.height, stored_.width);
    images = images.masked_fill(erased, 0);
  }
  return images.permute({0, 3, 1, 2});
}

Labels DeviceImages::labels(const at::Tensor& draws, const data::AugmentOptions& options) const {
  const at::Tensor own = labels_.index_select(0, draws.select(1, static_cast<int>(data::DrawColumn::index)));
  if (!options.mixes()) return Labels(own);
  return {own, own.roll(-1, 0), draws.select(1, static_cast<int>(data::DrawColumn::share)).to(at::kFloat) / data::kOne};
}

}  // namespace triage::train
