// Answers of a supernet's subnets for a search: out of the stores beside the supernet; what is missing is asked and
// kept.
#pragma once

#include <optional>

#include "cli/subnets.h"
#include "search/exit_net.h"

namespace triage::cli {

class SupernetAnswers : public search::AnswerSource {
 public:
  // supernet: not owned. judged: the split beside the route split that plans are judged by.
  explicit SupernetAnswers(const OpenSupernet& supernet, std::string judged = "validation");

  Answers answers(const plan::ArchSpec& subnet) override;
  bool has(const plan::ArchSpec& subnet) const;
  const std::vector<std::uint8_t>& route_labels() const override { return route_.store.labels(); }
  const std::vector<std::uint8_t>& validation_labels() const override { return judged_.store.labels(); }
  int classes() const override { return supernet_.trained.network->classes(); }
  std::vector<int> exits() const;  // all blocks behind which subnets answer, the last at the end

 private:
  struct Split {
    search::LogitStore store;
    std::optional<train::ImageBatches> images;  // made when a subnet is asked for the first time
  };
  search::SubnetAnswers ask(const plan::ArchSpec& subnet, supernet::Network& network, Split& split,
                            const std::vector<std::uint32_t>& indices);

  const OpenSupernet& supernet_;
  std::string judged_name_;
  Split route_, judged_;
  std::optional<train::SubnetCutter> cutter_;
};

}  // namespace triage::cli
