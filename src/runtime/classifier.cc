#include "triage/classifier.h"

#include "engine/status.h"
#include "runtime/encoded_images.h"
#include "runtime/executor.h"
#include "runtime/open_plan.h"

namespace triage {

using namespace runtime;  // NOLINT(google-build-using-namespace): this file is the border between the two

struct Classifier::Impl {
  Impl(OpenPlan open, const ClassifierOptions& options)
      : info(info_of(open)),
        executor(std::move(open.plan), std::move(open.sessions), options.thresholds),
        decoder(options.decoder),
        max_megapixels(options.max_megapixels) {}
  ClassifierInfo info;
  Executor executor;
  const ImageDecoder* decoder;
  double max_megapixels;
};

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<Classifier> Classifier::load(const std::string& plan_directory, const ClassifierOptions& options) {
  try {
    return Classifier(std::make_unique<Impl>(open_plan(plan_directory, options), options));
  } catch (...) {
    return engine::current_error();
  }
}

Result<Outcome> Classifier::classify(const ImageView& image) const { return classify(image, Details{}); }

Result<Outcome> Classifier::classify(const ImageView& image, const Details& details) const {
  Outcome outcome;
  if (Status status = classify({&image, 1}, {&outcome, 1}, details); !status) return status.error();
  return outcome;
}

Status Classifier::classify(std::span<const ImageView> images, std::span<Outcome> outcomes,
                            const Details& details) const {
  return impl_->executor.classify(images, outcomes, details);
}

Result<Outcome> Classifier::classify(const EncodedImage& image) const { return classify(image, Details{}); }

Result<Outcome> Classifier::classify(const EncodedImage& image, const Details& details) const {
  Outcome outcome;
  if (Status status = classify({&image, 1}, {&outcome, 1}, details); !status) return status.error();
  return outcome;
}

Status Classifier::classify(std::span<const EncodedImage> images, std::span<Outcome> outcomes,
                            const Details& details) const {
  return classify_encoded(impl_->executor, impl_->decoder, impl_->max_megapixels, images, outcomes, details);
}

Status Classifier::set_thresholds(std::span<const double> thresholds) {
  try {
    LiveThresholds& own = impl_->executor.thresholds();
    check_thresholds(thresholds, own.size(), impl_->executor.plan().name);
    own.set(thresholds);
    return Ok{};
  } catch (...) {
    return engine::current_error();
  }
}

std::vector<double> Classifier::thresholds() const { return impl_->executor.thresholds().values(); }

ClassifierStatistics Classifier::statistics() const { return impl_->executor.statistics(); }

const ClassifierInfo& Classifier::info() const { return impl_->info; }

const char* version() { return TRIAGE_VERSION; }

}  // namespace triage
