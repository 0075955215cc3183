// Genome: a plan's structure as a search sees it: which nets, which of their exits, what decides. Thresholds are no
// part of it; the solver finds all that are worth having (plan_solver.h).
//
// Text form "confidence: 12-32-96@1 > 24-64-192,192-256": the kind of policy, then the nets in the order in which an
// image meets them. A net is an ArchSpec that ends with the section behind which it answers last (a block, where the
// net is plain); "@1" says that it answers behind its block 1 too, "/int8" ("12-32-96/int8@1") that it computes in that
// precision and not in fp32; "confidence+together: " that exits answer together with those before them where that wins
// (answers_together.h). Other families write "@exit1", as theirs is "@128" for a resolution. So every exit is a
// prefix of a subnet, and nets that differ in sections nobody runs are the same.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cost/cost_model.h"
#include "plan/plan.h"
#include "search/solve/searched_spaces.h"

namespace triage::search {

inline constexpr std::size_t kMaxSearchStages = 4;

struct Net {               // one net, which starts from the image
  family::ArchSpec arch;   // up to its last exit
  std::vector<int> early;  // sections before the last one behind which it answers too, rising
  plan::Precision precision = plan::Precision::fp32;
  std::size_t stages() const { return early.size() + 1; }
  int last() const { return static_cast<int>(family::sections(arch)) - 1; }  // section
  bool operator==(const Net&) const = default;
};

struct Genome {
  plan::PolicyKind policy = plan::PolicyKind::confidence;
  std::vector<Net> nets;
  bool together = false;  // exits may answer together; of several stages

  static Genome parse(std::string_view text);  // throws Error with the text and the offending part
  std::string text() const;
  std::size_t stages() const;
  bool operator==(const Genome&) const = default;
};

// A stage of the plan that a genome stands for.
struct GenomeStage {
  cost::Segment segment;
  family::ArchSpec net;  // the sections that its answer comes from, those of earlier stages included
};
std::vector<GenomeStage> stages_of(const Genome& genome);

// What a net in a precision is called: "12-32-96", "12-32-96/int8".
std::string net_text(const family::ArchSpec& net, plan::Precision precision);
// The same backwards. Throws Error that begins with `where`.
std::pair<family::ArchSpec, plan::Precision> net_from_text(std::string_view text, const std::string& where);

// Those of a search's precisions that a net may have. A fixed one is as it is, and is written as fp32 is.
std::vector<plan::Precision> precisions_of(const family::ArchSpec& net, const std::vector<plan::Precision>& searched);

// What a search may build: of subnets of these spaces.
struct Structures {
  SearchedSpaces spaces;
  plan::InputShape input;
  int classes = 10;
  std::map<std::string, std::int64_t> fixed_macs;  // of nets of the family "fixed", by text
  std::vector<plan::PolicyKind> policies{plan::PolicyKind::confidence};
  std::vector<plan::Precision> precisions{plan::Precision::fp32};
  std::size_t max_stages = 3;
  bool early_exits = true;        // stages that go on from an earlier one's features
  bool cascades = true;           // stages that start again from the image
  bool answers_together = false;  // of exits

  // Throws Error that names the genome and the first place that does not belong here.
  void check(const Genome& genome) const;
  const SearchedSpace& of(const family::ArchSpec& net) const { return space_of(spaces, net); }
  std::int64_t macs(const family::ArchSpec& net) const;
};

}  // namespace triage::search
