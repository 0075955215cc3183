// The supernets that a search cuts nets from: of different families, trained on the same images.
#pragma once

#include <memory>
#include <vector>

#include "search/solve/searched_spaces.h"
#include "workflow/search/open_supernet.h"

namespace triage::workflow {

class OpenSupernets {
 public:
  // precision: as of OpenSupernet. Throws Error where two are of one family, or of other data or splits.
  OpenSupernets(const std::vector<std::string>& directories, const Context& context,
                std::optional<train::ComputeType> precision = {});

  // The one that a net, or the beginning of one, is cut from. Throws Error where none is of its family.
  const OpenSupernet& of(const family::ArchSpec& net) const;
  const OpenSupernet& first() const { return *all_[0]; }  // data, splits, classes and image are the same of all
  const std::vector<std::unique_ptr<OpenSupernet>>& all() const { return all_; }
  search::SearchedSpaces spaces() const;

 private:
  std::vector<std::unique_ptr<OpenSupernet>> all_;
};

// Of one supernet as identity_of() has it; of several the weights are by family.
Json identity_of(const OpenSupernets& supernets);
Json scoring_identity(const OpenSupernets& supernets, const AnswersOf& answers, const std::string& location);

}  // namespace triage::workflow
