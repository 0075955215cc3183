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
#include "search/solve/searched_spaces.h"
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
  family::ArchSpec arch;
  plan::Precision precision = plan::Precision::fp32;
  family::ArchSpec subnet;               // that was asked; this net begins it, and is
  std::size_t exit = 0;                  // the answer of this exit
  double temperature = 1, accuracy = 0;  // accuracy: share of validation images labelled correctly
  SplitEvidence route, validation;
  std::array<Ranking, 3> rankings;  // validation images by confidence, entropy, margin

  const Ranking& ranking(plan::PolicyKind policy) const;  // of a policy that is not learned
};

// logits: [images, classes] of this exit on both splits. The temperature is fitted on the route split.
ExitNet make_exit_net(const family::ArchSpec& arch, plan::Precision precision, std::span<const float> route_logits,
                      std::span<const Label> route_labels, std::span<const float> validation_logits,
                      std::span<const Label> validation_labels, int classes);

struct AskedSubnet {
  family::ArchSpec subnet;
  plan::Precision precision = plan::Precision::fp32;
};

// Where answers come from: a store, and a supernet for what is not in it.
class AnswerSource {
 public:
  virtual ~AnswerSource() = default;
  struct Answers {
    SubnetAnswers route, validation;
  };
  // Will be asked for soon: several processes may share the work.
  virtual void prepare(const std::vector<AskedSubnet>& /*subnets*/) {}
  virtual Answers answers(const family::ArchSpec& subnet, plan::Precision precision) = 0;  // may take seconds
  virtual const std::vector<Label>& route_labels() const = 0;
  virtual const std::vector<Label>& validation_labels() const = 0;
  virtual int classes() const = 0;
};

struct ExitLogits {
  std::vector<float> route, validation;  // [images, classes]
};

// Not thread-safe; what it gives out stays valid as long as it lives.
class NetPool {
 public:
  NetPool(AnswerSource& source, SearchedSpaces spaces);

  // The net, asked for through a subnet that begins with it where it is not known yet.
  const ExitNet& get(const family::ArchSpec& net, plan::Precision precision = plan::Precision::fp32);
  const ExitNet* find(const std::string& name) const;  // null: not known
  // Tells the source which nets get() will be called for.
  void prepare(const std::vector<std::pair<family::ArchSpec, plan::Precision>>& nets);
  // All exits of a subnet.
  void add(const family::ArchSpec& subnet, plan::Precision precision = plan::Precision::fp32);

  // What a net of the pool says, from the source: thousands of nets' are not held.
  ExitLogits logits(const ExitNet& net);

  const SearchedSpaces& spaces() const { return spaces_; }
  const std::vector<Label>& route_labels() const { return source_.route_labels(); }
  const std::vector<Label>& validation_labels() const { return source_.validation_labels(); }
  int classes() const { return source_.classes(); }
  std::size_t images() const { return source_.validation_labels().size(); }
  const std::map<std::string, std::unique_ptr<ExitNet>>& nets() const { return nets_; }

 private:
  AnswerSource& source_;
  SearchedSpaces spaces_;
  std::map<std::string, std::unique_ptr<ExitNet>> nets_;
};

}  // namespace triage::search
