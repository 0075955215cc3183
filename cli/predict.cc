// triage predict: classifies image files with a plan.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cli/command.h"
#include "core/json.h"
#include "data/image.h"
#include "triage/classifier.h"

namespace triage::cli {
namespace {

template <class T>
T take(Result<T> result, const std::string& file) {
  if (!result) fail("{}: {}", file, result.error().message);
  return std::move(*result);
}

// As the plan wants it. The note tells that the network saw something else than the file holds.
data::Image load_for(const ClassifierInfo& info, const std::string& file) {
  data::Image image = data::load_image(file);
  if (image.channels != info.channels) image = data::to_channels(image, info.channels);
  if (image.height == info.height && image.width == info.width) return image;
  std::fprintf(stderr, "%s: %dx%d resized to %dx%d (height x width), the plan's input\n", file.c_str(), image.height,
               image.width, info.height, info.width);
  return data::resize(image, info.height, info.width);
}

}  // namespace

int predict_command(int argc, char** argv) {
  CLI::App app{"Classifies images, each with as much network as it needs"};
  std::string plan_directory;
  std::vector<std::string> files;
  ClassifierOptions options;
  bool json = false;
  app.add_option("plan", plan_directory, "Plan directory")->required()->type_name("PLAN");
  app.add_option("images", files, "JPEG or PNG files; resized where their size is not the plan's")
      ->required()
      ->type_name("IMAGE");
  add_engine_option(app, options.engine);
  app.add_option("--threads", options.threads, "Engine threads")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--thresholds", options.thresholds,
                 "Instead of the plan's: one per exit but the last, separated by commas; an image goes on while its "
                 "score is above")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--json", json, "Print JSON");
  app.footer(
      "The time is that of a second run of the same image: the first one pays for the engine's set-up.\n"
      "Example: triage predict zoo/cifar10-pair cat.png dog.jpg");
  if (!parse_arguments(app, argc, argv)) return 0;

  Result<Classifier> loaded = Classifier::load(plan_directory, options);
  if (!loaded && loaded.error().code == ErrorCode::bad_input) throw UsageError(loaded.error().message);
  if (!loaded) throw Error(loaded.error().message);
  const Classifier& classifier = *loaded;
  const ClassifierInfo& info = classifier.info();
  say_engine_note(info.engine_note);
  std::size_t widest = 0;
  for (const std::string& file : files) widest = std::max(widest, file.size());
  Json rows = Json::array();
  for (const std::string& file : files) {
    const data::Image image = load_for(info, file);
    const ImageView view{image.pixels.data(), image.height, image.width, image.channels};
    (void)take(classifier.classify(view), file);
    const Outcome outcome = take(classifier.classify(view), file);
    const std::string &label = info.classes[outcome.label], &stage = info.stages[outcome.exit];
    if (json) {
      rows.push_back({{"file", file},
                      {"label", label},
                      {"class", outcome.label},
                      {"probability", outcome.probability},
                      {"exit", outcome.exit},
                      {"stage", stage},
                      {"score", outcome.score},
                      {"microseconds", outcome.microseconds}});
    } else {
      std::printf("%-*s  %-14s %.3f  exit %d (%s)  %.0f us\n", static_cast<int>(widest), file.c_str(), label.c_str(),
                  outcome.probability, outcome.exit, stage.c_str(), outcome.microseconds);
    }
  }
  if (json) {
    const Json result{
        {"plan", plan_directory},          {"name", info.name},       {"policy", info.policy}, {"engine", info.engine},
        {"engine_note", info.engine_note}, {"threads", info.threads}, {"images", rows}};
    std::cout << result.dump(2) << '\n';
  }
  return 0;
}

}  // namespace triage::cli
