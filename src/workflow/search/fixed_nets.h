// Nets that a search takes as they are, beside the subnets of its supernets: the whole nets of finished plans, trained
// alone (triage run) or imported (triage cascade).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cost/fixed_costs.h"
#include "search/solve/searched_spaces.h"
#include "search/store/logit_store.h"
#include "workflow/search/open_supernets.h"

namespace triage::workflow {

struct FixedNet {
  std::string name;    // of its stage
  fs::path directory;  // of its plan
  plan::Stage stage;   // reads the image, hands nothing on
};

class FixedNets {
 public:
  // plans: directories. Throws Error, naming the plan, where it has no whole net, other classes or another image than
  // the supernets, nets trained on images that a search judges by, or a file that is not the one it was made with; and
  // where two nets have one name.
  FixedNets(const std::vector<std::string>& plans, const OpenSupernets& supernets);

  bool empty() const { return nets_.empty(); }
  const FixedNet& of(const family::ArchSpec& net) const;  // throws Error
  search::SearchedSpaces spaces() const;                  // of them all, by multiply-adds: one, or none
  std::map<std::string, std::int64_t> macs() const;       // by text (search::Structures)
  Json identity() const;                                  // each net's file

  preprocess::Preprocess preprocess_of(const FixedNet& net) const;  // of the search's images

  // What the net says about images of the search's data set, whose labels these are, as ONNX Runtime runs it.
  search::SubnetAnswers ask(const family::ArchSpec& net, std::span<const std::uint32_t> images,
                            std::span<const Label> labels) const;

  // Of each, measured on this machine in turns: found in RUN/fixed_costs.json, or measured now and kept there.
  std::shared_ptr<const cost::CostModel> costs(const fs::path& run, int threads, const Context& context) const;

 private:
  const Workspace& workspace() const { return supernets_.first().workspace; }
  void add_nets_of(const fs::path& directory);

  const OpenSupernets& supernets_;
  std::vector<FixedNet> nets_;
};

}  // namespace triage::workflow
