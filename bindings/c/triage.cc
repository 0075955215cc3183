// The C API (triage.h) around Classifier. Map: guarded() (border.h) is what every call with an error passes; Rows are
// the images and outcomes of a call in the C++ types.
#include "triage.h"

#include <array>
#include <vector>

#include "border.h"
#include "decoders.h"
#include "sized_struct.h"
#include "triage/classifier.h"

struct triage_classifier {
  explicit triage_classifier(triage::Classifier loaded) : classifier(std::move(loaded)) {
    const triage::ClassifierInfo& info = classifier.info();
    for (const std::string& name : info.classes) class_names.push_back(name.c_str());
    for (const std::string& name : info.stages) stage_names.push_back(name.c_str());
    for (const std::string& name : info.engines) stage_engines.push_back(name.c_str());
  }
  triage::Classifier classifier;
  std::vector<const char*> class_names, stage_names, stage_engines;  // into its info()
};

namespace triage::c {
namespace {

// The structs as the first version of the ABI had them: a caller's may not be smaller.
constexpr std::size_t kOptionsSize = offsetof(triage_options, allow_spinning) + sizeof(std::int32_t);
constexpr std::size_t kInfoSize = offsetof(triage_info, decodes) + sizeof(std::int32_t);
constexpr std::size_t kOutputsSize = offsetof(triage_outputs, top_count) + sizeof(std::size_t);
constexpr std::size_t kStatisticsSize = offsetof(triage_statistics, exit_count) + sizeof(std::size_t);

constexpr double kDefaultMegapixels = 64;

// Elements of one call: few of them need no heap, more of them one allocation.
template <class T>
class Rows {
 public:
  explicit Rows(std::size_t count) : many_(count > few_.size() ? count : 0), count_(count) {}
  std::span<T> span() { return many_.empty() ? std::span(few_).first(count_) : std::span(many_); }

 private:
  std::array<T, 16> few_;
  std::vector<T> many_;
  std::size_t count_;
};

template <class T>
std::span<T> span_of(T* data, std::size_t size) {
  return data ? std::span(data, size) : std::span<T>();
}

// View: ImageView or EncodedImage, made of the caller's Image by view_of.
template <class View, class Image, class ViewOf>
triage_code classify(const triage_classifier* classifier, const Image* images, std::size_t count,
                     const triage_outputs* outputs, triage_error* error, const ViewOf& view_of) noexcept {
  return guarded(error, [&]() -> Status {
    require(classifier, "classifier");
    if constexpr (std::is_same_v<View, EncodedImage>) {
      if (!decoder())
        engine::fail_with(
            ErrorCode::unsupported,
            "encoded images: this libtriage was built without decoders (triage_info.decodes is 0), expected "
            "pixels, as triage_classify takes them");
    }
    const triage_outputs wanted = read_sized(outputs, triage_outputs TRIAGE_OUTPUTS_INIT, kOutputsSize, "outputs");
    if (count > 0) require(images, "images");
    if (!wanted.top) require_count("outputs: top_count", wanted.top_count, 0, " where top is NULL");
    const std::size_t classes = classifier->class_names.size();
    if (wanted.top && (wanted.top_count < 1 || wanted.top_count > classes)) {
      engine::fail_with(ErrorCode::bad_input, "outputs: top_count: found {}, expected 1 to {}", wanted.top_count,
                        classes);
    }
    Rows<View> views(count);
    Rows<Outcome> outcomes(count);
    Rows<ClassProbability> top(count * wanted.top_count);
    std::ranges::transform(std::span(images, count), views.span().begin(), view_of);
    const Details details{.logits = span_of(wanted.logits, count * classes),
                          .probabilities = span_of(wanted.probabilities, count * classes),
                          .top = top.span(),
                          .scores = span_of(wanted.scores, count * (classifier->stage_names.size() - 1))};
    const std::span<const View> seen = views.span();
    if (Status status = classifier->classifier.classify(seen, outcomes.span(), details); !status) return status;
    if (wanted.outcomes) {
      std::ranges::transform(outcomes.span(), wanted.outcomes, [](const Outcome& own) {
        return triage_outcome{own.label, own.probability, own.exit, own.score, own.microseconds};
      });
    }
    std::ranges::transform(top.span(), wanted.top, [](const ClassProbability& own) {
      return triage_class_probability{own.label, own.probability};
    });
    return Ok{};
  });
}

}  // namespace
}  // namespace triage::c

using namespace triage::c;  // NOLINT(google-build-using-namespace): this file is the border between the two

triage_code triage_load(const char* plan_directory, const triage_options* options, triage_classifier** classifier,
                        triage_error* error) {
  if (classifier) *classifier = nullptr;
  return guarded(error, [&]() -> triage::Status {
    require(plan_directory, "plan_directory");
    require(static_cast<const void*>(classifier), "classifier");
    const triage_options defaults TRIAGE_OPTIONS_INIT;
    const triage_options wanted = read_sized(options ? options : &defaults, defaults, kOptionsSize, "options");
    if (wanted.threshold_count > 0) require(wanted.thresholds, "options: thresholds");
    triage::ClassifierOptions own;
    if (wanted.engine) own.engine = wanted.engine;
    own.threads = wanted.threads;
    own.allow_spinning = wanted.allow_spinning != 0;
    if (wanted.thresholds) own.thresholds.assign(wanted.thresholds, wanted.thresholds + wanted.threshold_count);
    own.decoder = decoder();
    own.max_megapixels = wanted.max_megapixels == 0 ? kDefaultMegapixels : wanted.max_megapixels;
    *classifier = new triage_classifier(triage::engine::take(triage::Classifier::load(plan_directory, own)));
    return triage::Ok{};
  });
}

void triage_free(triage_classifier* classifier) { delete classifier; }

triage_code triage_get_info(const triage_classifier* classifier, triage_info* info, triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(classifier, "classifier");
    check_size(info, kInfoSize, "info");
    const triage::ClassifierInfo& own = classifier->classifier.info();
    write_sized(*info, triage_info{.name = own.name.c_str(),
                                   .policy = own.policy.c_str(),
                                   .engine = own.engine.c_str(),
                                   .engine_note = own.engine_note.c_str(),
                                   .threads_note = own.threads_note.c_str(),
                                   .fit = own.fit.c_str(),
                                   .class_names = classifier->class_names.data(),
                                   .stage_names = classifier->stage_names.data(),
                                   .stage_engines = classifier->stage_engines.data(),
                                   .stage_threads = own.threads.data(),
                                   .classes = own.classes.size(),
                                   .stages = own.stages.size(),
                                   .height = own.height,
                                   .width = own.width,
                                   .channels = own.channels,
                                   .decodes = decoder() ? 1 : 0});
    return triage::Ok{};
  });
}

triage_code triage_classify(const triage_classifier* classifier, const triage_image* images, size_t count,
                            const triage_outputs* outputs, triage_error* error) {
  return classify<triage::ImageView>(classifier, images, count, outputs, error, [](const triage_image& image) {
    return triage::ImageView{image.pixels, image.height, image.width, image.channels};
  });
}

triage_code triage_classify_encoded(const triage_classifier* classifier, const triage_encoded_image* images,
                                    size_t count, const triage_outputs* outputs, triage_error* error) {
  return classify<triage::EncodedImage>(
      classifier, images, count, outputs, error,
      [](const triage_encoded_image& image) { return triage::EncodedImage{image.bytes, image.size}; });
}

triage_code triage_set_thresholds(triage_classifier* classifier, const double* thresholds, size_t count,
                                  triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(classifier, "classifier");
    if (count > 0) require(thresholds, "thresholds");
    return classifier->classifier.set_thresholds(std::span(thresholds, count));
  });
}

triage_code triage_get_thresholds(const triage_classifier* classifier, double* thresholds, size_t count,
                                  triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(classifier, "classifier");
    const std::vector<double> own = classifier->classifier.thresholds();
    require_count("count", count, own.size(), ", one threshold per exit but the last");
    if (count > 0) require(thresholds, "thresholds");
    std::ranges::copy(own, thresholds);
    return triage::Ok{};
  });
}

triage_code triage_get_statistics(const triage_classifier* classifier, triage_statistics* statistics,
                                  triage_error* error) {
  return guarded(error, [&]() -> triage::Status {
    require(classifier, "classifier");
    const triage_statistics given =
        read_sized(statistics, triage_statistics TRIAGE_STATISTICS_INIT, kStatisticsSize, "statistics");
    const triage::ClassifierStatistics own = classifier->classifier.statistics();
    require_count("statistics: exit_count", given.exit_count, given.exits ? own.exits.size() : 0,
                  given.exits ? ", the number of stages" : " where exits is NULL");
    if (given.exits) std::ranges::copy(own.exits, given.exits);
    write_sized(*statistics, triage_statistics{.calls = own.calls,
                                               .errors = own.errors,
                                               .images = own.images,
                                               .sent_on = own.sent_on,
                                               .microseconds = own.microseconds,
                                               .exits = given.exits,
                                               .exit_count = given.exit_count});
    return triage::Ok{};
  });
}

const char* triage_version(void) { return triage::version(); }

int32_t triage_abi_version(void) { return TRIAGE_ABI_VERSION; }

const char* triage_code_name(int32_t code) {
  switch (code) {
    case TRIAGE_OK:
      return "ok";
    case TRIAGE_NOT_FOUND:
      return "not_found";
    case TRIAGE_DAMAGED:
      return "damaged";
    case TRIAGE_UNSUPPORTED:
      return "unsupported";
    case TRIAGE_BAD_INPUT:
      return "bad_input";
    case TRIAGE_ENGINE_FAILURE:
      return "engine_failure";
    case TRIAGE_OUT_OF_MEMORY:
      return "out_of_memory";
    case TRIAGE_UNREADABLE:
      return "unreadable";
    default:
      return "unknown";
  }
}
