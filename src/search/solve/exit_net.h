// ExitNet: what a net that ends at one exit says about the validation split, in the forms that solving thresholds
// needs, and about the route split, from which routers are fitted. NetPool: all those known so far.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/space.h"
#include "search/store/logit_store.h"
#include "threshold/ranking.h"

namespace triage::search {

using Ranking = threshold::CompactRanking;

// Confidence, entropy and margin under the exit's temperature, image-major; the three scores are 1 - c, e and 1 - m.
struct SplitEvidence {
  std::vector<std::array<float, 3>> seen;  // [images]
  std::vector<std::uint8_t> correct;       // [images]
};

struct ExitNet {
  std::string name;  // net_text()
  plan::ArchSpec arch;
  plan::Precision precision = plan::Precision::fp32;
  double temperature = 1, accuracy = 0;  // accuracy: share of validation images labelled correctly
  SplitEvidence route, validation;
  std::array<Ranking, 3> rankings;  // validation images by confidence, entropy, margin

  const Ranking& ranking(plan::PolicyKind policy) const;  // of a policy that is not learned
};

// logits: [images, classes] of this exit on both splits. The temperature is fitted on the route split.
ExitNet make_exit_net(const plan::ArchSpec& arch, plan::Precision precision, std::span<const float> route_logits,
                      std::span<const Label> route_labels, std::span<const float> validation_logits,
                      std::span<const Label> validation_labels, int classes);

// Where answers come from: a store, and a supernet for what is not in it.
class AnswerSource {
 public:
  virtual ~AnswerSource() = default;
  struct Answers {
    SubnetAnswers route, validation;
  };
  virtual Answers answers(const plan::ArchSpec& subnet, plan::Precision precision) = 0;  // may take seconds
  virtual const std::vector<Label>& route_labels() const = 0;
  virtual const std::vector<Label>& validation_labels() const = 0;
  virtual int classes() const = 0;
};

// Not thread-safe; what it gives out stays valid as long as it lives.
class NetPool {
 public:
  // exits: blocks behind which every subnet answers, rising, the last block at the end.
  NetPool(AnswerSource& source, plan::SearchSpace space, std::vector<int> exits);

  // The net, asked for through a subnet that begins with it where it is not known yet.
  const ExitNet& get(const plan::ArchSpec& net, plan::Precision precision = plan::Precision::fp32);
  const ExitNet* find(const std::string& name) const;  // null: not known
  // All exits of a subnet.
  void add(const plan::ArchSpec& subnet, plan::Precision precision = plan::Precision::fp32);

  const plan::SearchSpace& space() const { return space_; }
  std::size_t images() const { return source_.validation_labels().size(); }
  const std::map<std::string, std::unique_ptr<ExitNet>>& nets() const { return nets_; }

 private:
  AnswerSource& source_;
  plan::SearchSpace space_;
  std::vector<int> exits_;
  std::map<std::string, std::unique_ptr<ExitNet>> nets_;
};

}  // namespace triage::search
