#include "workflow/search/refined_config.h"

#include <algorithm>
#include <cmath>

#include "family/fixed/fixed.h"

namespace triage::workflow {
namespace {

// Of trainings that go on from a supernet's weights. Not the configuration's defaults, which are for weights from
// nothing: what configs/cifar10-{fast,balanced,accurate}.toml were trained with (docs/results.md).
constexpr double kWarmup = 0.1;        // share of the steps with rising rate: short, the weights are good already
constexpr int kValidateEvery = 4;      // epochs: asking every time costs more than the few epochs gain by it
constexpr double kExitWeight = 1;      // early exits count as much as the end: both are stages of the plan
constexpr double kExitGradient = 0.3;  // of an early exit reaches the layers before it, which work for the end first
constexpr double kTemperature = 1;     // of the teacher's answers, as they are
constexpr int kViews = 12;             // augmented views that the teacher is asked about: half as many as epochs
// A last net of half the largest's multiply-adds or more has little to learn from it.
constexpr int kAboutAsLarge = 2;

std::string names(const std::vector<int>& blocks) {
  std::string text;
  for (const int block : blocks) text += std::format("{}{}", text.empty() ? "" : ", ", block);
  return text;
}

// As the supernet was trained with, for `epochs`: its clean epochs in proportion.
std::string augment_text(train::TrainOptions trained, int epochs) {
  int& clean = trained.augment.clean_epochs;
  if (clean > 0) clean = static_cast<int>(std::lround(static_cast<double>(clean) * epochs / trained.epochs));
  std::string text = "[stage.augment]\n";
  const Json augment = train::to_json(trained).at("augment");
  for (const auto& [key, value] : augment.items()) text += std::format("{} = {}\n", key, value.dump());
  return text;
}

// Of weights that are good already; for plain nets 0.4, as in configs/cifar10-{fast,balanced,accurate}.toml.
double default_rate(const family::AnySpace& space) { return 2 * train::family_defaults(space.is_plain()).lr / 3; }

const RefinedSupernet& supernet_of(std::span<const RefinedSupernet> supernets, const family::ArchSpec& net) {
  const auto is_of = [&](const RefinedSupernet& one) { return one.space->largest().family == net.family; };
  const auto found = std::ranges::find_if(supernets, is_of);
  if (found == supernets.end()) fail("net {}: expected a supernet of its family, found none", net.text());
  return *found;
}

std::string stage_text(const RefineRequest& request, const search::Genome& genome, std::size_t leg,
                       const RefinedSupernet& supernet) {
  const search::Net& net = genome.nets[leg];
  const StageConfig& trained = *supernet.config.supernet;
  const auto macs = [&](const family::ArchSpec& arch) {
    return family::size_of(arch, supernet.input, supernet.classes).macs;
  };
  const bool last = leg + 1 == genome.nets.size();
  const std::string teacher = !last ? net_name(genome.nets.size() - 1)
                              : kAboutAsLarge * macs(net.arch) < macs(supernet.space->largest()) ? "supernet"
                                                                                                 : "";
  std::string text = std::format(
      "\n[[stage]]  # {:.1f} MMAC\nname = \"{}\"\narch = \"{}\"\nfrom = \"{}\"\ninference_precision = \"{}\"\n",
      static_cast<double>(macs(net.arch)) / 1e6, net_name(leg), net.arch.text(), supernet.directory,
      plan::to_string(net.precision));
  if (!teacher.empty()) text += std::format("teacher = \"{}\"\n", teacher);
  if (!net.early.empty())
    text += std::format("exits = [{}]\nexit_weight = {}\nexit_gradient = {}\n", names(net.early), kExitWeight,
                        kExitGradient);
  text += std::format("features_block = {}\n", std::min(1, net.last()));
  if (supernet.space.is_plain())
    text += std::format("residual = {}\nhead_scale = {}\n", trained.train.residual, trained.train.head_scale);
  text += std::format("epochs = {}\nlr = {:.6g}\nwarmup = {}\nvalidate_every = {}\n", request.epochs,
                      request.rate.value_or(default_rate(supernet.space)), kWarmup, kValidateEvery);
  text += augment_text(trained.train, request.epochs);
  const int views = trained.train.augment.mixes() ? 0 : kViews;  // nothing can be kept of mixed images
  if (!teacher.empty()) text += std::format("[stage.distill]\ntemperature = {}\nviews = {}\n", kTemperature, views);
  return text;
}

std::string taken_text(const search::Net& net, std::size_t leg, std::span<const TakenNet> taken) {
  const std::string name = net.arch.text();
  const auto found = std::ranges::find(taken, name, &TakenNet::net);
  if (found == taken.end()) fail("net {}: expected its file, found none", name);
  return std::format("\n[[stage]]  # {}, as it is\nname = \"{}\"\nonnx = {}\npreprocess = {}\n", name, net_name(leg),
                     Json(found->onnx).dump(), Json(found->preprocess).dump());
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

}  // namespace

std::string net_name(std::size_t leg) { return std::format("net{}", leg + 1); }

std::string refined_config(const RefineRequest& request, const search::FrontPoint& point, const SearchConfig& search,
                           std::span<const RefinedSupernet> supernets, std::span<const TakenNet> taken) {
  const auto is_taken = [](const search::Net& net) { return family::is_fixed(net.arch); };
  if (std::ranges::all_of(point.genome.nets, is_taken))
    fail("plan '{}': expected a subnet, which can be trained on, found only nets that are taken as they are",
         point.genome.text());
  const RunConfig& w = supernets.front().config;
  const BuildTarget& target = request.target;
  std::string text = std::format(
      "# {}\n# A plan of the search '{}', whose nets, as cut, reach {:.2f} % on the validation split at {:.1f} us "
      "predicted.\n# Written by 'triage refine'; train, build and evaluate it with 'triage run'.\n"
      "name = {}\nseed = {}\nthreads = {}\n\n[data]\nfile = {}\nroute = {}\nvalidation = {}\n",
      point.genome.text(), search.name, 100 * point.accuracy, point.cost.mean_latency_us, Json(request.name).dump(),
      w.seed, w.threads, Json(w.data).dump(), w.splits.route, w.splits.validation);
  for (std::size_t leg = 0; leg < point.genome.nets.size(); ++leg) {
    const search::Net& net = point.genome.nets[leg];
    text += is_taken(net) ? taken_text(net, leg, taken)
                          : stage_text(request, point.genome, leg, supernet_of(supernets, net.arch));
  }
  text += std::format("\n[build]\npolicy = \"{}\"\n", plan::to_string(point.genome.policy));
  // What was asked of the front is asked of the refined plan.
  if (target.latency_us) text += std::format("latency_us = {}\n", *target.latency_us);
  if (target.accuracy) text += std::format("accuracy = {}\n", *target.accuracy);
  if (target.max_drop) text += std::format("max_drop = {}\n", *target.max_drop);
  return text + budget_text(search.budgets);
}

}  // namespace triage::workflow
