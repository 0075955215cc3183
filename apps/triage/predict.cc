// triage predict: classifies image files with a plan.
#include <algorithm>
#include <cstdio>

#include "apps/triage/options/image_options.h"
#include "core/json.h"
#include "core/system/limits.h"
#include "data/image/image_list.h"
#include "data/image/load_images.h"
#include "triage/classifier.h"

namespace triage::cli {
namespace {

constexpr std::size_t kWidest = 60;  // characters of a name in the table; longer ones stand out

class Predictor {
 public:
  Predictor(const Classifier& classifier, const ImageOptions& images, int engine_threads, std::string plan, bool json)
      : classifier_(classifier), info_(classifier.info()), plan_(std::move(plan)), json_(json) {
    // The engine keeps its cores, so that its times are its own.
    decoders_ = std::max(1, usable_cpus() - engine_threads);
    const std::optional<Fit> own = fit_from_name(info_.fit);
    options_ = {.height = info_.height,
                .width = info_.width,
                .fit = images.fit.value_or(own.value_or(Fit::squash)),
                .decode = images.decode};
  }

  void run(const data::ImageList& list) {
    skipped_ = list.skipped;
    for (const data::ImageFile& file : list.files) {
      widest_ = std::max(widest_, static_cast<int>(std::min<std::size_t>(file.path.native().size(), kWidest)));
    }
    begin();
    std::vector<fs::path> paths;
    for (const data::ImageFile& file : list.files) paths.push_back(file.path);
    data::load_images(paths, {.fit = options_, .threads = decoders_}, [&](std::size_t i, const data::Decoded& decoded) {
      const bool not_an_image = list.files[i].found && decoded.failure == data::DecodeFailure::not_an_image;
      if (decoded.image) {
        answer(paths[i], data::to_channels(*decoded.image, info_.channels));
      } else if (not_an_image) {
        ++skipped_[decoded.content];
      } else {
        refuse(paths[i], decoded.reason);
      }
    });
    end();
  }

  std::size_t failed() const { return failed_; }
  const std::string& first_failure() const { return first_failure_; }

 private:
  void answer(const fs::path& file, const data::Image& image) {
    const ImageView view{image.pixels.data(), image.height, image.width, image.channels};
    Result<Outcome> outcome = classifier_.classify(view);
    if (outcome && outcome->exit > deepest_) {  // the first run of a stage pays for the engine's set-up
      deepest_ = outcome->exit;
      outcome = classifier_.classify(view);
    }
    if (!outcome) return refuse(file, outcome.error().message);
    const std::string &label = info_.classes[outcome->label], &stage = info_.stages[outcome->exit];
    if (json_) {
      row({{"file", file.native()},
           {"label", label},
           {"class", outcome->label},
           {"probability", outcome->probability},
           {"exit", outcome->exit},
           {"stage", stage},
           {"score", outcome->score},
           {"microseconds", outcome->microseconds}});
    } else {
      std::printf("%-*s  %-14s %.3f  exit %d (%s)  %.0f us\n", widest_, file.c_str(), label.c_str(),
                  outcome->probability, outcome->exit, stage.c_str(), outcome->microseconds);
    }
    ++answered_;
  }

  void refuse(const fs::path& file, const std::string& error) {
    if (failed_++ == 0) first_failure_ = file.string() + ": " + error;
    if (json_) {
      row({{"file", file.native()}, {"error", error}});
    } else {
      std::printf("%-*s  error: %s\n", widest_, file.c_str(), error.c_str());
    }
  }

  // The JSON is printed row by row: a list may be long.
  void begin() const {
    if (!json_) return;
    const Json head{{"plan", plan_},
                    {"name", info_.name},
                    {"policy", info_.policy},
                    {"engine", info_.engine},
                    {"engines", info_.engines},
                    {"engine_note", info_.engine_note},
                    {"threads", info_.threads},
                    {"fit", fit_name(options_.fit)}};
    std::string text = dump_json(head, 2);
    text.resize(text.size() - 2);  // without "\n}"
    std::printf("%s,\n  \"images\": [", text.c_str());
  }

  void row(const Json& json) {
    std::string text = dump_json(json, 2);
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 5) text.insert(at + 1, 4, ' ');
    std::printf("%s\n    %s", rows_++ == 0 ? "" : ",", text.c_str());
  }

  void end() const {
    std::size_t skipped = 0;
    std::string kinds;
    for (const auto& [what, count] : skipped_) {
      skipped += count;
      kinds += std::format("{}{} ({})", kinds.empty() ? "" : ", ", what, count);
    }
    if (json_) {
      std::printf("%s],\n  \"answered\": %zu,\n  \"failed\": %zu,\n  \"skipped\": %zu\n}\n", rows_ == 0 ? "" : "\n  ",
                  answered_, failed_, skipped);
    }
    if (skipped > 0) std::fprintf(stderr, "skipped %zu files that are no images: %s\n", skipped, kinds.c_str());
  }

  const Classifier& classifier_;
  const ClassifierInfo& info_;
  data::FitOptions options_;
  std::string plan_, first_failure_;
  bool json_;
  int decoders_ = 1, deepest_ = -1, widest_ = 0;
  std::size_t rows_ = 0, answered_ = 0, failed_ = 0;
  std::map<std::string, std::size_t> skipped_;
};

}  // namespace

int predict_command(int argc, char** argv) {
  CLI::App app{"Classifies images, each with as much network as it needs"};
  std::string plan_directory;
  std::vector<std::string> names;
  ClassifierOptions options;
  ImageOptions images;
  bool json = false;
  app.add_option("plan", plan_directory, "Plan directory")->required()->type_name("PLAN");
  app.add_option(
         "images", names,
         "image files (" + std::string(data::kImageFormats) + "), directories of them, or -: paths on standard input")
      ->required()
      ->type_name("IMAGE");
  add_image_options(app, images, "the plan's, as its training images were prepared");
  add_engine_option(app, options.engine);
  app.add_option("--threads", options.threads, "Engine threads")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--thresholds", options.thresholds,
                 "Instead of the plan's: one per exit but the last, separated by commas; an image goes on while its "
                 "score is above")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--json", json, "Print JSON");
  app.footer(
      "An image that cannot be read has an error in its row, the others are answered, the exit code is 1.\n"
      "Hidden and stray files of a directory are skipped. The time is that of one image on a warm engine.\n"
      "Example: triage predict zoo/cifar10-pair cat.png photos/");
  if (!parse_arguments(app, argc, argv)) return 0;

  Result<Classifier> loaded = Classifier::load(plan_directory, options);
  if (!loaded && loaded.error().code == ErrorCode::bad_input) throw UsageError(loaded.error().message);
  if (!loaded) throw Error(loaded.error().message);
  say_engine_note(loaded->info().engine_note);
  const data::ImageList list = data::list_images(names, stdin);
  if (list.files.empty()) fail("{}: no image files", names.front() == "-" ? "standard input" : names.front());
  Predictor predictor(*loaded, images, options.threads, plan_directory, json);
  predictor.run(list);
  if (predictor.failed() > 0) {
    std::fflush(stdout);
    fail("{} of {} images failed, the first: {}", predictor.failed(), list.files.size(), predictor.first_failure());
  }
  return 0;
}

}  // namespace triage::cli
