// Genome: a plan's structure as a search sees it: which nets, which of their exits, what decides. Thresholds are no
// part of it; the solver finds all that are worth having (plan_solver.h).
//
// Text form "confidence: 12-32-96@1 > 24-64-192,192-256": the kind of policy, then the nets in the order in which an
// image meets them. A net is an ArchSpec that ends with the block behind which it answers last; "@1" says that it
// answers behind its block 1 too, "/int8" ("12-32-96/int8@1") that it computes in that precision and not in fp32. So
// every exit is a prefix of a subnet, and nets that differ in blocks nobody runs are the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cost/cost_model.h"
#include "plan/plan.h"
#include "plan/space.h"

namespace triage::search {

inline constexpr std::size_t kMaxSearchStages = 4;

struct Net {               // one net, which starts from the image
  plan::ArchSpec arch;     // up to its last exit
  std::vector<int> early;  // blocks before the last one behind which it answers too, rising
  plan::Precision precision = plan::Precision::fp32;
  std::size_t stages() const { return early.size() + 1; }
  bool operator==(const Net&) const = default;
};

struct Genome {
  plan::PolicyKind policy = plan::PolicyKind::confidence;
  std::vector<Net> nets;

  static Genome parse(std::string_view text);  // throws Error with the text and the offending part
  std::string text() const;
  std::size_t stages() const;
  bool operator==(const Genome&) const = default;
};

// A stage of the plan that a genome stands for.
struct GenomeStage {
  cost::Segment segment;
  plan::ArchSpec net;  // the blocks that its answer comes from, those of earlier stages included
};
std::vector<GenomeStage> stages_of(const Genome& genome);

// What a net in a precision is called: "12-32-96", "12-32-96/int8".
std::string net_text(const plan::ArchSpec& net, plan::Precision precision);

// What a search may build: subnets of `space`, exits behind `exits` (rising; the space's last block among them).
struct Structures {
  plan::SearchSpace space;
  std::vector<int> exits;
  plan::InputShape input;
  std::vector<plan::PolicyKind> policies{plan::PolicyKind::confidence};
  std::vector<plan::Precision> precisions{plan::Precision::fp32};
  std::size_t max_stages = 3;
  bool early_exits = true;  // stages that go on from an earlier one's features
  bool cascades = true;     // stages that start again from the image

  // Throws Error that names the genome and the first place that does not belong here.
  void check(const Genome& genome) const;
};

// The subnet of the space that begins with `net` and is as small as possible behind it.
plan::ArchSpec complete(const plan::ArchSpec& net, const plan::SearchSpace& space);
// The blocks [0, blocks) of a net.
plan::ArchSpec prefix(const plan::ArchSpec& net, std::size_t blocks);

}  // namespace triage::search
