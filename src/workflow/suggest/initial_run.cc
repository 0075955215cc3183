#include "workflow/suggest/initial_run.h"

#include <algorithm>
#include <array>

#include "core/files/temporary.h"
#include "core/text.h"
#include "data/dataset.h"
#include "route/router/router_options.h"
#include "workflow/cascade/folder_data.h"
#include "workflow/run/run.h"

namespace triage::workflow {
namespace {

constexpr std::array kSides{128, 96, 64, 32};
constexpr std::array kDrawn{0.8, 0.1, 0.1};
constexpr int kTrialBatch = 128;

// The sides that a folder's images are tried at, falling: none is more than a tenth above their own.
std::vector<int> sides_of(const InitialRequest& request) {
  if (request.side > 0) return {request.side};
  const int own = median_side(request.data);
  std::vector<int> sides;
  std::ranges::copy_if(kSides, std::back_inserter(sides), [&](int side) { return side <= 1.1 * own; });
  if (sides.empty()) sides.push_back(kSides.back());
  return sides;
}

// Of a set too small for the default.
std::size_t route_of(const data::DatasetInfo& info) {
  const std::size_t least = route::min_images({});
  return info.train_count / 10 < least ? least : 0;
}

struct Trial {
  std::vector<TrainableNet> nets;
  std::size_t images = 0;  // that are trained on
};

Trial trial_of(const fs::path& file, const data::DatasetInfo& info, const InitialRequest& request,
               const EstimateTraining& estimate) {
  if (info.encoded)
    fail(
        "{}: expected images of one size, found an encoded set; import it with --height and --width, or name the "
        "folder",
        file.string());
  const std::vector<SuggestedNet> nets = suggest_nets({.input = {info.channels, info.height, info.width},
                                                       .classes = static_cast<int>(info.classes.size()),
                                                       .context = request.context});
  const TemporaryDirectory directory("init");
  const fs::path config = directory.path() / "trial.toml";
  const int batch = std::clamp(static_cast<int>(info.train_count / 4), 2, kTrialBatch);
  write_file_atomic(config, trial_config_text(fs::absolute(file).string(), std::min(info.height, info.width), nets,
                                              batch, route_of(info)));
  const Json dry =
      dry_run(open_checked_run(load_run_config(config), directory.path() / "run", request.context), estimate);
  Trial trial{.nets = {}, .images = dry["splits"]["train"].get<std::size_t>()};
  for (std::size_t i = 0; i < nets.size(); ++i)
    trial.nets.push_back({nets[i], dry["networks"][i]["images_per_second"].get<double>()});
  return trial;
}

[[noreturn]] void fail_over_limit(const Trial& trial, double most_us) {
  double least = trial.nets.back().net.latency_us * (1 + kSentOn);
  for (const TrainableNet& little : trial.nets) {
    for (const TrainableNet& big : trial.nets)
      least = std::min(least, pair_latency_us(little.net, big.net, std::nullopt).value_or(least));
  }
  fail(
      "--latency: expected {:.0f} us or more, which the fastest pair of nets for such images takes here, found {:.0f} "
      "us",
      std::ceil(least), most_us);
}

}  // namespace

InitialConfig make_initial_config(const InitialRequest& request, const EstimateTraining& estimate) {
  const bool folder = fs::is_directory(request.data);
  const std::vector<int> sides = folder ? sides_of(request) : std::vector{0};
  InitialConfig config;
  for (const int side : sides) {
    config.notes.clear();
    fs::path file = request.data;
    if (folder) {
      const FolderData made =
          import_folder(request.data, request.out, {.side = side, .drawn = kDrawn}, request.context);
      file = made.file;
      config.notes = made.notes;
      config.notes.push_back(std::format("Images: squares of {0} x {0} pixels from the middle of each.", side));
    }
    const data::DatasetInfo info = data::Dataset::open(file).info();
    const Trial trial = trial_of(file, info, request, estimate);
    config.allowed = {trial.images, request.minutes, request.most_latency_us};
    const std::optional<InitialChoice> choice = choose_initial(trial.nets, config.allowed);
    const bool last = side == sides.back();
    if (!choice && last) fail_over_limit(trial, request.most_latency_us.value_or(0));
    if (!choice || (choice->short_of_time() && !last)) continue;
    config.name = request.out.stem().string();
    config.data = file.string();
    config.side = std::min(info.height, info.width);
    config.route = route_of(info);
    config.choice = *choice;
    config.little = trial.nets[choice->little];
    config.big = trial.nets[choice->big];
    break;
  }
  write_file_atomic(request.out, initial_config_text(config));
  return config;
}

}  // namespace triage::workflow
