// triage suggest: which nets to begin with, before anything is trained.
#include <cstdio>
#include <iostream>

#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "apps/triage/program/terminal.h"
#include "core/system/machine.h"
#include "data/dataset.h"
#include "engine/registry.h"
#include "workflow/suggest/suggest_nets.h"

namespace triage::cli {
namespace {

using workflow::SuggestedNet;
using workflow::SuggestedPair;

plan::InputShape input_of(const data::DatasetInfo& info, int side) {
  if (side > 0) return {info.channels, side, side};
  if (info.encoded)
    throw UsageError("--data: its images are of any size: expected --side PIXELS as well, such as --side 128");
  return {info.channels, info.height, info.width};
}

struct Suggestion {
  std::vector<SuggestedNet> nets;
  std::optional<double> most_us;
  std::optional<SuggestedPair> pair;

  bool fits(const SuggestedNet& net) const { return !most_us || net.latency_us <= *most_us; }
};

Json as_json(const Suggestion& suggestion, const workflow::SuggestRequest& request) {
  Json json{{"input", to_json(request.input)},
            {"classes", request.classes},
            {"engine", engine::name_and_version({.threads = request.threads})},
            {"threads", request.threads},
            {"machine", machine_context()},
            {"nets", Json::array()}};
  for (const SuggestedNet& net : suggestion.nets) {
    json["nets"].push_back({{"arch", net.arch},
                            {"note", net.note},
                            {"macs", net.macs},
                            {"parameters", net.parameters},
                            {"latency_us", net.latency_us},
                            {"stable", net.stable},
                            {"fits", suggestion.fits(net)}});
  }
  json["pair"] = nullptr;
  if (const auto& pair = suggestion.pair) {
    json["pair"] = {{"little", suggestion.nets[pair->little].arch},
                    {"big", suggestion.nets[pair->big].arch},
                    {"sent_on", workflow::kSentOn},
                    {"mean_latency_us", pair->mean_latency_us}};
  }
  return json;
}

void print(const Suggestion& suggestion, const workflow::SuggestRequest& request) {
  std::printf("images of %dx%dx%d, %d classes; %s, %d thread%s, one image at a time\n", request.input.channels,
              request.input.height, request.input.width, request.classes,
              engine::name_and_version({.threads = request.threads}).c_str(), request.threads,
              request.threads == 1 ? "" : "s");
  std::printf("%12s %9s %13s  net\n", "latency", "MMAC", "M parameters");
  for (const SuggestedNet& net : suggestion.nets) {
    std::printf("%9.1f us %9.2f %13.3f  %s  (%s)%s%s\n", net.latency_us, static_cast<double>(net.macs) / 1e6,
                static_cast<double>(net.parameters) / 1e6, net.arch.c_str(), net.note.c_str(),
                suggestion.fits(net) ? "" : ", alone over the limit", net.stable ? "" : ", times unsteady");
  }
  if (!suggestion.pair) {
    std::printf("no two of them make a plan%s that gains by routing; a net of the list alone, or a smaller image\n",
                suggestion.most_us ? " within the limit" : "");
    return;
  }
  const SuggestedPair& pair = *suggestion.pair;
  std::printf(
      "\na plan to begin with, %.1f us in the mean if %.0f %% of the images go on:\n  little  %s\n  big     %s\n",
      pair.mean_latency_us, 100 * workflow::kSentOn, suggestion.nets[pair.little].arch.c_str(),
      suggestion.nets[pair.big].arch.c_str());
}

}  // namespace

int suggest_command(int argc, char** argv) {
  CLI::App app{"Names nets to begin with for images of some size, and measures them here, with random weights",
               "triage suggest"};
  std::string data, latency;
  int side = 0;
  bool json = false;
  workflow::SuggestRequest request;
  auto* const data_option = app.add_option("--data", data, "imported data set with the images' size and the classes")
                                ->check(CLI::ExistingFile);
  auto* const side_option = app.add_option("--side", side, "images of so many pixels a side, whatever the data set has")
                                ->check(CLI::Range(8, plan::kMaxSide));
  app.add_option("--classes", request.classes, "without --data")
      ->check(CLI::Range(2, plan::kMaxClasses))
      ->capture_default_str()
      ->excludes(data_option)
      ->needs(side_option);
  app.add_option("--latency", latency, "the mean latency that a plan may have: 150us, 0.15ms");
  app.add_option("--threads", request.threads, "of the engine")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--seconds", request.seconds, "of timed runs of each net")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_flag("--json", json, "JSON on stdout, no progress");
  app.footer(
      "Example:\n  triage suggest --data data/photos.tds --latency 1ms\n  triage suggest --side 128 --classes 10");
  if (!parse_arguments(app, argc, argv)) return 0;
  if (data.empty() && side == 0) throw UsageError("expected --data FILE or --side PIXELS");
  request.input = {3, side, side};
  if (!data.empty()) {
    const data::DatasetInfo info = data::Dataset::open(data).info();
    request.input = input_of(info, side);
    request.classes = static_cast<int>(info.classes.size());
  }
  Suggestion suggestion;
  if (!latency.empty()) suggestion.most_us = parse_latency(latency);
  request.context = stoppable(json);
  suggestion.nets = workflow::suggest_nets(request);
  suggestion.pair = workflow::suggest_pair(suggestion.nets, suggestion.most_us);
  if (json) std::cout << dump_json(as_json(suggestion, request), 2) << '\n';
  if (!json) print(suggestion, request);
  return 0;
}

}  // namespace triage::cli
