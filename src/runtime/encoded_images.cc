#include "runtime/encoded_images.h"

#include <chrono>

#include "engine/status.h"

namespace triage::runtime {
namespace {

constexpr std::size_t kDecodedBytes = 64 << 20;  // of decoded images that wait for their turn

// What was decoded and not yet classified.
struct Piece {
  std::vector<DecodedImage> images;
  std::vector<ImageView> views;
  std::size_t bytes = 0;

  void add(DecodedImage image) {
    bytes += image.pixels.size();
    views.push_back({image.pixels.data(), image.height, image.width, image.channels});
    images.push_back(std::move(image));
  }
  bool full() const { return bytes >= kDecodedBytes || views.size() >= Executor::kMaxRows; }
};

}  // namespace

Status classify_encoded(const Executor& executor, const ImageDecoder* decoder, double max_megapixels,
                        std::span<const EncodedImage> images, std::span<Outcome> outcomes, const Details& details) {
  try {
    const auto start = std::chrono::steady_clock::now();
    if (!decoder) {
      engine::fail_with(ErrorCode::unsupported,
                        "encoded images: found no ClassifierOptions::decoder, expected triage::image_decoder() of the "
                        "library triage::decoders");
    }
    executor.check(images.size(), outcomes, details);
    for (std::size_t i = 0; i < images.size(); ++i)
      if (!images[i].bytes) engine::fail_with(ErrorCode::bad_input, "images[{}]: bytes: found null", i);
    const plan::Plan& plan = executor.plan();
    const DecodeRequest request{.channels = plan.input.channels,
                                .height = plan.input.height,
                                .width = plan.input.width,
                                .fit = fit_name(plan.fit),
                                .max_megapixels = max_megapixels};
    const ThresholdSet thresholds = executor.thresholds().now();
    Piece piece;
    for (std::size_t i = 0; i < images.size(); ++i) {
      Result<DecodedImage> decoded = decoder->decode(images[i], request);
      if (!decoded) engine::fail_with(decoded.error().code, "images[{}]: {}", i, decoded.error().message);
      piece.add(std::move(*decoded));
      executor.check(piece.views.back(), i);
      if (!piece.full() && i + 1 < images.size()) continue;
      const std::size_t count = piece.views.size(), first = i + 1 - count;
      const auto part = [&](auto rows, std::size_t width) {
        return rows.empty() ? rows : rows.subspan(first * width, count * width);
      };
      executor.run(piece.views, thresholds, outcomes.subspan(first, count),
                   {.logits = part(details.logits, plan.classes.size()),
                    .probabilities = part(details.probabilities, plan.classes.size()),
                    .top = part(details.top, details.top.size() / images.size()),
                    .scores = part(details.scores, plan.stages.size() - 1)});
      piece = {};
    }
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    for (Outcome& outcome : outcomes) outcome.microseconds = spent.count() / static_cast<double>(images.size());
    if (!images.empty()) executor.count_call(spent.count());
    return Ok{};
  } catch (...) {
    executor.count_error();
    return engine::current_error();
  }
}

}  // namespace triage::runtime
