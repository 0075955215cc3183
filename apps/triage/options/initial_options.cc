#include "apps/triage/options/initial_options.h"

#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"

namespace triage::cli {
namespace {

void print(const workflow::InitialConfig& config) {
  for (const std::string& note : config.notes) std::printf("%s\n", note.c_str());
  const workflow::InitialChoice& choice = config.choice;
  for (const auto& [name, net] : {std::pair("little", config.little), std::pair("big", config.big)}) {
    std::printf("%-7s %9.1f us %9.2f MMAC %7.0f images/s in training  %s\n", name, net.net.latency_us,
                static_cast<double>(net.net.macs) / 1e6, net.images_per_second, net.net.arch.c_str());
  }
  std::printf("%d epochs of %zu images: about %.1f of the %.0f minutes; %d are enough for such a set%s\n",
              choice.epochs, config.allowed.images, choice.minutes, config.allowed.minutes, choice.enough_epochs,
              choice.short_of_time() ? ", so more --minutes or a smaller --side make it better" : "");
}

}  // namespace

void InitialOptions::add_options(CLI::App& app) {
  app.add_option("DATA", data,
                 "photographs in class folders, alone or in train, val and test; or an imported data set of one size")
      ->required()
      ->check(CLI::ExistingPath);
  app.add_option("--minutes", minutes, "that everything may take on this machine, from training to report")
      ->check(CLI::Range(0.1, 100'000.0))
      ->capture_default_str();
  app.add_option("--latency", latency, "the mean latency that the plan may have: 150us, 0.15ms");
  app.add_option(
         "--side", side,
         "pixels a side that a folder's images are brought to; default: by the images and the time, 128 at most")
      ->check(CLI::Range(8, 1024));
}

std::string InitialOptions::name() const {
  const fs::path path = fs::canonical(data);
  return (fs::is_directory(path) ? path.filename() : path.stem()).string();
}

void InitialOptions::write_config(const fs::path& out, const Context& context, bool quiet) const {
  if (side > 0 && !fs::is_directory(data))
    throw UsageError("--side: the images of " + data + " have a size: expected a folder of photographs beside --side");
  if (fs::exists(out))
    throw UsageError(out.string() + ": expected no such file, found one; another name, or delete it to choose anew");
  workflow::InitialRequest request{.data = data, .out = out, .minutes = minutes, .side = side, .context = context};
  if (!latency.empty()) request.most_latency_us = parse_latency(latency);
  const workflow::InitialConfig config = workflow::make_initial_config(request);
  if (!quiet) print(config);
}

}  // namespace triage::cli
