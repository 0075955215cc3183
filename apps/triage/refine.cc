// triage refine: a plan of a search's front -> the configuration of a run that trains its nets on, together.
#include <cstdio>

#include "apps/triage/options/outputs.h"
#include "apps/triage/options/target_options.h"
#include "apps/triage/program/command.h"
#include "core/system/machine.h"
#include "core/text.h"
#include "workflow/build/front_plan.h"

namespace triage::cli {
namespace {

struct RefineOptions {
  std::string run, out, name;
  TargetOptions target;
  int epochs = 24;
  double rate = 0.4;
};

std::string names(const std::vector<int>& blocks) {
  std::string text;
  for (const int block : blocks) text += std::format("{}{}", text.empty() ? "" : ", ", block);
  return text;
}

// The last net learns from the labels where it is about as large as the supernet's largest, else from that; the nets
// before it learn from it.
std::string stage_text(const RefineOptions& options, const search::Genome& genome, std::size_t leg,
                       const workflow::SearchConfig& search, const workflow::OpenSupernet& supernet) {
  const search::Leg& net = genome.legs[leg];
  const workflow::StageConfig& trained = *supernet.workspace.config.supernet;
  const supernet::Network& from = supernet.trained.network;
  const auto macs = [&](const plan::ArchSpec& arch) {
    return plan::arch_cost(arch, from->input(), from->classes()).macs;
  };
  const bool last = leg + 1 == genome.legs.size();
  const std::string teacher = !last ? workflow::net_name(genome.legs.size() - 1)
                              : 2 * macs(net.arch) < macs(supernet.space().largest()) ? "supernet"
                                                                                      : "";
  std::string text = std::format(
      "\n[[stage]]  # {:.1f} MMAC\nname = \"{}\"\narch = \"{}\"\nfrom = \"{}\"\ninference_precision = \"{}\"\n",
      static_cast<double>(macs(net.arch)) / 1e6, workflow::net_name(leg), net.arch.text(), search.supernet,
      plan::to_string(net.precision));
  if (!teacher.empty()) text += std::format("teacher = \"{}\"\n", teacher);
  if (!net.early.empty()) text += std::format("exits = [{}]\nexit_weight = 1\nexit_gradient = 0.3\n", names(net.early));
  text += std::format(
      "features_block = {}\nresidual = {}\nhead_scale = {}\nepochs = {}\nlr = {}\nwarmup = 0.1\nvalidate_every = 4\n",
      std::min<std::size_t>(1, net.arch.blocks.size() - 1), trained.train.residual, trained.train.head_scale,
      options.epochs, options.rate);
  text += std::format("[stage.augment]\nshift = {}\nflip = {}\ncutout = {}\n", trained.train.augment.shift,
                      trained.train.augment.flip, trained.train.augment.cutout);
  if (!teacher.empty()) text += "[stage.distill]\ntemperature = 1\nviews = 12\n";
  return text;
}

std::string budget_text(const cost::Budgets& budgets) {
  std::string text;
  const Json limits = cost::to_json(budgets);
  for (const auto& [key, value] : limits.items()) {
    const bool macs = key == "mean_macs";
    text += std::format("{} = {}\n", macs ? "mean_mmac" : key, value.get<double>() / (macs ? 1e6 : 1));
  }
  return text.empty() ? text : "[build.budget]\n" + text;
}

std::string config_text(const RefineOptions& options, const workflow::BuildTarget& target,
                        const search::FrontPoint& point, const workflow::SearchConfig& search,
                        const workflow::OpenSupernet& supernet) {
  const workflow::RunConfig& w = supernet.workspace.config;
  std::string text = std::format(
      "# {}\n# A plan of the search '{}', whose nets, as cut, reach {:.2f} % on the validation split at {:.1f} us "
      "predicted.\n# Written by 'triage refine'; train, build and evaluate it with 'triage run'.\n"
      "name = {}\nseed = {}\nthreads = {}\n\n[data]\nfile = {}\nroute = {}\nvalidation = {}\n",
      point.genome.text(), search.name, 100 * point.accuracy, point.cost.mean_latency_us, Json(options.name).dump(),
      w.seed, w.threads, Json(w.data).dump(), w.splits.route, w.splits.validation);
  for (std::size_t leg = 0; leg < point.genome.legs.size(); ++leg)
    text += stage_text(options, point.genome, leg, search, supernet);
  text += std::format("\n[build]\npolicy = \"{}\"\n", plan::to_string(point.genome.policy));
  // What was asked of the front is asked of the refined plan.
  if (target.latency_us) text += std::format("latency_us = {}\n", *target.latency_us);
  if (target.accuracy) text += std::format("accuracy = {}\n", *target.accuracy);
  if (target.max_drop) text += std::format("max_drop = {}\n", *target.max_drop);
  return text + budget_text(search.budgets);
}

}  // namespace

int refine_command(int argc, char** argv) {
  CLI::App app{
      "Writes the configuration of a run that trains the nets of one of a search's plans on, together, and builds and "
      "evaluates the plan anew",
      "triage refine"};
  RefineOptions options;
  app.add_option("RUN", options.run, "run directory of triage search")->required();
  options.target.add_options(app);
  app.add_option("--epochs", options.epochs, "of every net")->capture_default_str()->check(CLI::Range(1, 10000));
  app.add_option("--lr", options.rate, "highest learning rate")->capture_default_str()->check(CLI::Range(1e-8, 100.0));
  app.add_option("--out", options.out, "configuration to write; a file that is there stays as it is")
      ->required()
      ->check(output_file);
  app.footer("Example: triage refine runs/cifar10-search --latency 400us --out configs/cifar10-accurate.toml");
  if (!parse_arguments(app, argc, argv)) return 0;
  const fs::path out = options.out;
  if (fs::exists(out)) throw UsageError("--out: expected a file that does not exist yet, found " + out.string());
  const workflow::SearchConfig search = workflow::load_search_config(fs::path(options.run) / "config.toml");
  const search::Front front = workflow::front_of(options.run);
  options.name = out.stem();
  const workflow::BuildTarget target = options.target.target();
  const search::FrontPoint& point = workflow::point_of(front, target);
  const workflow::OpenSupernet supernet(search.supernet);
  workflow::require_supernet_of(front, supernet, options.run);
  const std::string text = config_text(options, target, point, search, supernet);
  AtomicFile file(out);
  file.write(text.data(), text.size());
  workflow::load_run_config(file.temporary());  // what is written can be read
  file.commit();
  std::printf("%s\n%s\nnext: triage run %s --run %s\n", point.genome.text().c_str(), out.c_str(),
              shell_word(out.string()).c_str(), shell_word("runs/" + options.name).c_str());
  return 0;
}

}  // namespace triage::cli
