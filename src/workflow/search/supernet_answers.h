// Answers of supernets' subnets for a search, and of the nets that it takes as they are: out of the stores beside each
// supernet; what is missing is asked and kept, alone or together with other processes. In fp32 LibTorch is asked, in
// int8 the stages as ONNX Runtime would run them, each exit the end of one.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "search/solve/exit_net.h"
#include "workflow/search/fixed_nets.h"
#include "workflow/search/int8_subnets.h"
#include "workflow/search/score_together.h"

namespace triage::workflow {

class SupernetAnswers : public search::AnswerSource {
 public:
  // supernets, fixed: not owned. judged: the split beside the route split that plans are judged by.
  SupernetAnswers(const OpenSupernets& supernets, const FixedNets& fixed, const std::string& judged = "validation");

  // From here on what is missing is asked together with all processes that share the work `name` at this location. On a
  // server the answers are there, too, under the work's name, and come to the stores beside the supernet from there; a
  // file is of one machine, whose processes share those stores.
  void share(const std::string& location, const std::string& name);
  search::SubnetWork* work() { return work_ ? &*work_ : nullptr; }  // null: not shared
  void want(const std::vector<search::AskedSubnet>& subnets);       // to be scored by whoever is free; needs share()
  // Throws Interrupted where a stop is asked for while it is shared.
  void prepare(const std::vector<search::AskedSubnet>& subnets) override;
  // For searches that others make, until they end; returns how many were scored. Needs share().
  std::size_t score_for_others();

  Answers answers(const family::ArchSpec& subnet, plan::Precision precision) override;
  const std::vector<Label>& route_labels() const override { return route_.labels; }
  const std::vector<Label>& validation_labels() const override { return judged_.labels; }
  int classes() const override { return supernets_.first().trained.network->classes(); }

 private:
  using StoreOf = std::pair<const OpenSupernet*, plan::Precision>;
  struct Split {
    std::string name;
    std::vector<Label> labels;
    std::map<StoreOf, search::LogitStore> stores, shared;  // shared: on the server
    std::map<const OpenSupernet*, train::SeenImages> images;
  };
  struct Said {
    std::vector<float> logits;     // [exits, images, classes]
    std::vector<double> accuracy;  // [exits]
  };
  using Asked = std::function<Said(Split&)>;
  static Said ask_stages(const OpenSupernet& supernet, const Int8Subnet& subnet, const Split& split);
  search::LogitStore& store(Split& split, const StoreOf& of);
  search::LogitStore* shared_store(Split& split, const StoreOf& of);  // null: there is no server
  // From the store beside the supernet, into which it comes from the server where only that has it.
  std::optional<search::SubnetAnswers> find(const family::ArchSpec& subnet, plan::Precision precision, Split& split);
  // What the network says about the images of a split.
  Asked asked(const family::ArchSpec& subnet, plan::Precision precision);
  search::SubnetAnswers keep(const family::ArchSpec& subnet, plan::Precision precision, Split& split, const Asked& ask);

  const Workspace& workspace() const { return supernets_.first().workspace; }
  Answers ask(const family::ArchSpec& subnet, plan::Precision precision);  // here, what is in no store
  SubnetScoring scoring();

  const Answers& fixed_answers(const family::ArchSpec& net);  // of a net that is taken as it is

  StoreOf store_of(const search::AskedSubnet& asked) const { return {&supernets_.of(asked.subnet), asked.precision}; }

  const OpenSupernets& supernets_;
  const FixedNets& fixed_;
  std::map<std::string, Answers> fixed_answers_;  // by name, asked anew in each process
  std::optional<search::SubnetWork> work_;
  AnswersAt at_;
  Split route_, judged_;
  std::map<const OpenSupernet*, train::SubnetCutter> cutters_;
};

}  // namespace triage::workflow
