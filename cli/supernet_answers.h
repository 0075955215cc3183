// Answers of a supernet's subnets for a search: out of the stores beside the supernet; what is missing is asked and
// kept. In fp32 LibTorch is asked, in int8 the stages as ONNX Runtime would run them, each exit the end of one.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "cli/subnets.h"
#include "search/exit_net.h"

namespace triage::cli {

class SupernetAnswers : public search::AnswerSource {
 public:
  // supernet: not owned. judged: the split beside the route split that plans are judged by.
  explicit SupernetAnswers(const OpenSupernet& supernet, const std::string& judged = "validation");

  Answers answers(const plan::ArchSpec& subnet, plan::Precision precision) override;
  bool has(const plan::ArchSpec& subnet, plan::Precision precision) const;
  const std::vector<std::uint8_t>& route_labels() const override { return route_.labels; }
  const std::vector<std::uint8_t>& validation_labels() const override { return judged_.labels; }
  int classes() const override { return supernet_.trained.network->classes(); }
  std::vector<int> exits() const;  // all blocks behind which subnets answer, the last at the end

 private:
  struct Split {
    std::string name;
    std::vector<std::uint8_t> labels;
    std::map<plan::Precision, search::LogitStore> stores;
    std::optional<train::ImageBatches> images;  // these two are made when a subnet is asked for the first time
    std::vector<float> inputs;                  // in int8
  };
  using Asked = std::function<train::ExitAnswers(Split&)>;
  search::LogitStore& store(Split& split, plan::Precision precision) const;
  // What the network says about the images of a split.
  Asked asked(const plan::ArchSpec& subnet, plan::Precision precision);
  search::SubnetAnswers keep(const plan::ArchSpec& subnet, plan::Precision precision, Split& split, const Asked& ask);

  const OpenSupernet& supernet_;
  mutable Split route_, judged_;
  std::optional<train::SubnetCutter> cutter_;
};

}  // namespace triage::cli
