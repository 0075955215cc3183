// Answers of a supernet's subnets for a search: out of the stores beside the supernet; what is missing is asked and
// kept. In fp32 LibTorch is asked, in int8 the stages as ONNX Runtime would run them, each exit the end of one.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "exporting/parity.h"
#include "search/solve/exit_net.h"
#include "workflow/search/open_supernet.h"

namespace triage::workflow {

class SupernetAnswers : public search::AnswerSource {
 public:
  // supernet: not owned. judged: the split beside the route split that plans are judged by.
  explicit SupernetAnswers(const OpenSupernet& supernet, const std::string& judged = "validation");

  Answers answers(const plan::ArchSpec& subnet, plan::Precision precision) override;
  const std::vector<Label>& route_labels() const override { return route_.labels; }
  const std::vector<Label>& validation_labels() const override { return judged_.labels; }
  int classes() const override { return supernet_.trained.network->classes(); }
  std::vector<int> exits() const;  // all blocks behind which subnets answer, the last at the end

 private:
  struct Split {
    std::string name;
    std::vector<Label> labels;
    std::map<plan::Precision, search::LogitStore> stores;
    std::optional<train::ImageBatches> images;  // these two are made when a subnet is asked for the first time
    std::vector<float> inputs;                  // in int8
  };
  struct Said {
    std::vector<float> logits;     // [exits, images, classes]
    std::vector<double> accuracy;  // [exits]
  };
  using Asked = std::function<Said(Split&)>;
  static Said ask_stages(const std::vector<exporting::Engine>& chain, const Split& split, std::size_t classes);
  search::LogitStore& store(Split& split, plan::Precision precision);
  // What the network says about the images of a split.
  Asked asked(const plan::ArchSpec& subnet, plan::Precision precision);
  search::SubnetAnswers keep(const plan::ArchSpec& subnet, plan::Precision precision, Split& split, const Asked& ask);

  const OpenSupernet& supernet_;
  Split route_, judged_;
  std::optional<train::SubnetCutter> cutter_;
};

}  // namespace triage::workflow
