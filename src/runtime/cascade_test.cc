#include "runtime/cascade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/test_support.h"
#include "engine/fake/fake_session.h"
#include "runtime/convert.h"

namespace triage::runtime {
namespace {

using testing::HasSubstr;
using Floats = std::vector<float>;

constexpr int kSize = 3;

// Every stage s adds s + 1 to what it reads: that is its map; its logits are twice the map's first elements, its
// feature the last one.
Floats map_of(std::size_t stage, Floats input) {
  for (float& value : input) value += static_cast<float>(stage) + 1;
  return input;
}

std::unique_ptr<engine::FakeSession> session_of(std::size_t stage, int carry_size = kSize) {
  return std::make_unique<engine::FakeSession>(
      engine::SessionInfo{.input_size = kSize, .classes = 2, .feature_width = 1, .carry_size = carry_size},
      [stage](const engine::FakeRow& row) {
        const Floats map = map_of(stage, {row.input.begin(), row.input.end()});
        for (std::size_t c = 0; c < row.logits.size(); ++c) row.logits[c] = 2 * map[c];
        if (!row.features.empty()) row.features[0] = map.back();
        std::ranges::copy(std::span(map).first(row.carry.size()), row.carry.begin());
      });
}

// Sources of stages: image, 0, image, 1.
struct Tree {
  Tree() {
    plan.input = {1, 1, kSize};
    for (const int source : {-1, 0, -1, 1}) {
      plan::Stage stage{.name = std::format("stage{}", plan.stages.size()), .source = source};
      if (source >= 0) stage.input = plan::StageInput::features;
      stage.onnx = stage.name + ".onnx";
      sessions.push_back(session_of(plan.stages.size()));
      plan.stages.push_back(stage);
    }
  }
  Floats input_of(std::size_t stage, const Floats& image) const {  // the naive way
    const int source = plan.stages[stage].source;
    if (source < 0) return image;
    return map_of(static_cast<std::size_t>(source), input_of(static_cast<std::size_t>(source), image));
  }
  const engine::FakeSession& fake(std::size_t stage) const {
    return static_cast<const engine::FakeSession&>(*sessions[stage]);
  }

  plan::Plan plan;
  std::vector<std::unique_ptr<engine::Session>> sessions;
};

const std::vector<std::uint8_t> kWhite(kSize, 255);  // ones, as networks see it

std::vector<ImageView> views(const std::vector<std::uint8_t>& pixels) {
  std::vector<ImageView> images;
  for (std::size_t at = 0; at < pixels.size(); at += kSize)
    images.push_back({.pixels = &pixels[at], .height = 1, .width = kSize, .channels = 1});
  return images;
}

TEST(CascadeWalk, AgreesWithANaiveLoop) {
  const Tree tree;
  CascadeWalk walk(tree.plan, tree.sessions, 4);
  for (const int n : {4, 3}) {
    std::vector<std::uint8_t> pixels;
    for (int i = 0; i < n * kSize; ++i) pixels.push_back(static_cast<std::uint8_t>(i * 7 % 5));
    const std::vector<ImageView> images = views(pixels);
    std::vector<Floats> logits(4, Floats(static_cast<std::size_t>(n) * 2)), features(4, Floats(n));
    std::vector<std::size_t> order;
    walk.run(images, [&](std::size_t stage) {
      order.push_back(stage);
      return StageOutputs{logits[stage].data(), stage == 2 ? nullptr : features[stage].data()};
    });
    EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3));
    for (std::size_t s = 0; s < 4; ++s) {
      for (int i = 0; i < n; ++i) {
        Floats image(kSize);
        to_input(images[i], image.data());
        const Floats map = map_of(s, tree.input_of(s, image));
        EXPECT_EQ(logits[s][i * 2], 2 * map[0]);
        EXPECT_EQ(logits[s][i * 2 + 1], 2 * map[1]);
        EXPECT_EQ(features[s][i], s == 2 ? 0 : map[2]);
      }
    }
  }
  for (std::size_t s = 0; s < 4; ++s) EXPECT_EQ(tree.fake(s).runs(), 2);
}

TEST(CascadeWalk, StagesThatAreLeftOutDoNotRun) {
  Tree tree;
  tree.sessions[2].reset();
  tree.sessions[3].reset();
  CascadeWalk walk(tree.plan, tree.sessions, 1);
  walk.run(views(kWhite));
  EXPECT_THAT(walk.carry(1), testing::ElementsAre(4, 4, 4));  // 1 and 2 more
  EXPECT_THAT(walk.carry(3), testing::IsEmpty());
}

TEST(CascadeWalk, NamesTheStageThatFails) {
  const Tree tree;
  CascadeWalk walk(tree.plan, tree.sessions, 1);
  static_cast<engine::FakeSession&>(*tree.sessions[1]).fail_with(ErrorInfo{ErrorCode::engine_failure, "planted"});
  EXPECT_EQ(error_of([&] { walk.run(views(kWhite)); }), "stage 'stage1' (stage1.onnx): planted");
  EXPECT_EQ(tree.fake(2).runs(), 0);
}

TEST(CascadeWalk, RefusesASourceThatCarriesNothingOver) {
  Tree tree;
  tree.sessions[1] = session_of(1, 0);
  EXPECT_THAT(error_of([&] { CascadeWalk(tree.plan, tree.sessions, 1); }),
              HasSubstr("stage 'stage1': has no output 'carry', a later stage starts from it"));
}

}  // namespace
}  // namespace triage::runtime
