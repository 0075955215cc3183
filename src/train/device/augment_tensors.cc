#include "train/device/augment_tensors.h"

#include "data/augment.h"
#include "train/device/step_graph.h"

namespace triage::train {
namespace {

// Mirrors positions outside [0, n) at the border pixels.
at::Tensor reflect(const at::Tensor& i, int n) { return (n - 1) - ((n - 1) - i.abs()).abs(); }

}  // namespace

DeviceImages::DeviceImages(const data::Dataset& data, const data::Normalization& normalization, data::PixelType type,
                           at::Device device)
    : height_(data.info().height), width_(data.info().width), channels_(data.info().channels) {
  const data::PixelPass pass(data.info(), normalization, type, {});
  const auto count = static_cast<std::int64_t>(data.size());
  const std::int64_t pixels = count * height_ * width_;
  pixels_ = at::from_blob(const_cast<std::uint8_t*>(data.image(0)), {pixels, channels_}, at::kByte).to(device);
  if (device.is_cpu()) pixels_ = pixels_.clone();
  at::Tensor labels = at::empty({count}, at::kLong);
  std::copy(data.labels().begin(), data.labels().end(), labels.mutable_data_ptr<std::int64_t>());
  labels_ = labels.to(device);
  const auto& values = pass.values();
  values_ = at::from_blob(const_cast<float*>(values.data()), {std::ssize(values)}, at::kFloat)
                .to(type == data::PixelType::bf16 ? at::kBFloat16 : at::kFloat)
                .clone()
                .to(device);
  const auto whole = at::TensorOptions(device).dtype(at::kInt);
  rows_ = at::arange(height_, whole);
  columns_ = at::arange(width_, whole);
  channel_offsets_ = at::arange(channels_, whole) * 256;
}

at::Tensor DeviceImages::augmented(const at::Tensor& draws, int cutout) const {
  const auto column = [&](data::DrawColumn c) { return draws.select(1, static_cast<int>(c)).unsqueeze(1); };
  const std::int64_t count = draws.size(0);
  const at::Tensor rows = reflect(rows_ + column(data::DrawColumn::shift_y), height_);  // [n, H]
  const at::Tensor mirrored = at::where(column(data::DrawColumn::flip).ne(0), (width_ - 1) - columns_, columns_);
  const at::Tensor columns = reflect(mirrored + column(data::DrawColumn::shift_x), width_);  // [n, W]
  const at::Tensor first = column(data::DrawColumn::index).to(at::kLong) * (height_ * width_);
  const at::Tensor place = (first + rows * width_).unsqueeze(2) + columns.unsqueeze(1);  // [n, H, W]
  const at::Tensor bytes = pixels_.index_select(0, place.flatten()).to(at::kInt);        // [n * H * W, C]
  at::Tensor images =
      values_.index_select(0, (bytes + channel_offsets_).flatten()).view({count, height_, width_, channels_});
  if (cutout > 0) {
    const auto inside = [&](const at::Tensor& places, data::DrawColumn centre) {
      const at::Tensor begin = column(centre) - cutout / 2;
      return places.ge(begin).logical_and(places.lt(begin + cutout));
    };
    const at::Tensor hole = inside(rows_, data::DrawColumn::cut_y)
                                .unsqueeze(2)
                                .logical_and(inside(columns_, data::DrawColumn::cut_x).unsqueeze(1));
    images = images.masked_fill(hole.unsqueeze(3), 0);  // 0 is the mean
  }
  return images.permute({0, 3, 1, 2});
}

at::Tensor DeviceImages::labels(const at::Tensor& draws) const {
  return labels_.index_select(0, draws.select(1, static_cast<int>(data::DrawColumn::index)));
}

}  // namespace triage::train
