// Many small routers trained side by side: one matrix product for all candidates and folds. Internal to route/;
// keeps torch out of the headers others see.
#pragma once

#include <memory>
#include <vector>

#include "route/router/router_training.h"

namespace triage::route {

// What the objectives need, per image of the route split.
struct RouterData {
  struct ExitInputs {
    int width = 0;                    // features + confidence, entropy, margin
    std::vector<float> mean, scale;   // [width]
    std::vector<float> standardised;  // [count, width]
    std::vector<float> hard_gain;     // [count] right(last) - right(this)
    std::vector<float> soft_gain;     // [count] the same in expectation under the last stage's probabilities
    float skip = 0, bias = 0;         // logistic fit of "this exit is wrong" on the standardised confidence
  };
  std::size_t count = 0, stages = 0;
  std::vector<float> label_probability;  // [count, stages] p_k(y)
  std::vector<float> stage_share;        // [stages] the stage's latency divided by the longest path's
  std::vector<ExitInputs> exits;
};
// exits: one per stage; of their temperatures and answer_weights. What a router sees is its own stage's; what an exit
// wins or loses follows from what it answers.
RouterData prepare_router_data(const ScoreTable& table, std::span<const plan::Exit> exits,
                               std::span<const double> path_latency_us);

struct RouterMember {  // one net to train
  RouterObjective objective;
  bool use_features = true;
  double weight_decay = 0;
  std::vector<std::uint8_t> images;  // [count] 1: trains on it
  std::uint64_t seed = 0;            // of the first layer's weights
};

struct MemberWeights {  // of one exit of one member; hidden and inputs as plan::Router
  std::vector<float> weight1, bias1, weight2;
  float bias2 = 0, skip = 0;
};

class RouterBatch {
 public:
  RouterBatch(const RouterData& data, std::vector<RouterMember> members, int hidden, double learning_rate);
  ~RouterBatch();
  void train(int steps);  // goes on from where it is
  // The hidden part's output for every image, [members][count], and the skip part's: a score is a monotone function of
  // skip + strength * hidden.
  struct Outputs {
    std::vector<std::vector<float>> skip, hidden;
  };
  Outputs outputs(std::size_t exit) const;
  MemberWeights weights(std::size_t exit, std::size_t member) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triage::route
