// A made-up supernet for tests: larger nets are right more often, unsure where they are wrong, and no two nets err on
// quite the same images.
#pragma once

#include <cmath>

#include "core/rng.h"
#include "search/evolve/joint_search.h"
#include "search/solve/exit_net.h"

namespace triage::search {

class FakeAnswers : public AnswerSource {
 public:
  FakeAnswers(SearchedSpaces spaces, std::size_t images) : spaces_(std::move(spaces)) {
    Rng rng(7);
    for (std::size_t i = 0; i < images; ++i) {
      route_labels_.push_back(static_cast<Label>(rng.below(4)));
      validation_labels_.push_back(static_cast<Label>(rng.below(4)));
    }
  }
  Answers answers(const family::ArchSpec& subnet, plan::Precision) override {
    ++asked;
    return {split(subnet, "route", route_labels_), split(subnet, "validation", validation_labels_)};
  }
  const std::vector<Label>& route_labels() const override { return route_labels_; }
  const std::vector<Label>& validation_labels() const override { return validation_labels_; }
  int classes() const override { return 4; }
  std::size_t asked = 0;

 private:
  SubnetAnswers split(const family::ArchSpec& subnet, std::string_view name, const std::vector<Label>& labels) {
    const std::vector<int>& exits = space_of(spaces_, subnet).exits;
    SubnetAnswers out{subnet.text(), 0, 0, std::vector<double>(exits.size()), {}};
    for (const int exit : exits) {
      const family::ArchSpec net = family::prefix(subnet, static_cast<std::size_t>(exit) + 1);
      const double macs = static_cast<double>(family::size_of(net, {}, 4).macs);
      const double skill = std::log(macs / 4e5);
      Rng noise(derive_seed(derive_seed(3, name), net.text()));
      for (std::size_t i = 0; i < labels.size(); ++i) {
        Rng image(derive_seed(5, name, i));
        const double lead = skill - 4 * image.uniform() + 0.7 * noise.normal();
        for (Label c = 0; c < 4; ++c) {
          out.logits.push_back(static_cast<float>((c == labels[i] ? lead : 0) + 0.3 * noise.normal()));
        }
      }
    }
    return out;
  }

  SearchedSpaces spaces_;
  std::vector<Label> route_labels_, validation_labels_;
};

class FakeCosts : public cost::CostModel {
 public:
  cost::StageCost stage(const cost::Segment& stage) const override {
    const cost::StageSize size = cost::stage_size(stage, {}, 4);
    return {.latency_us = 5 + static_cast<double>(size.macs) / 1e4 + (stage.carry ? 1 : 0)};
  }
  Json identity() const override { return {{"device", "made up"}}; }
};

// Costs whose large nets cost less, or more, than FakeCosts has them.
class BentCosts : public cost::CostModel {
 public:
  explicit BentCosts(double power) : power_(power) {}
  cost::StageCost stage(const cost::Segment& stage) const override {
    const cost::StageSize size = cost::stage_size(stage, {}, 4);
    return {.latency_us = 5 + 50 * std::pow(static_cast<double>(size.macs) / 5e5, power_)};
  }
  Json identity() const override { return {{"power", power_}}; }

 private:
  double power_;
};

inline const char* const kFakeSpace = "4:8:4-8:16:8-8:32:8,8:32:8?-16:64:16,16:64:16?";
inline const std::vector<int> kFakeExits{1, 2, 3};

inline SearchedSpaces fake_spaces() { return {{family::AnySpace::parse(kFakeSpace), kFakeExits}}; }

inline SearchOptions fake_search_options() {
  SearchOptions options;
  options.structures.spaces = fake_spaces();
  options.structures.policies = {plan::PolicyKind::confidence, plan::PolicyKind::learned};
  options.initial_subnets = 20;
  options.batch = 40;
  options.population = 40;
  return options;
}

}  // namespace triage::search
