// A cascade of fake stages for the tests of the executor: what each stage answers follows from the image's number.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <format>
#include <memory>
#include <span>
#include <vector>

#include "engine/fake/fake_session.h"
#include "plan/plan.h"
#include "runtime/executor.h"

namespace triage::runtime::testing_executor {

constexpr int kSide = 2, kPixels = kSide * kSide, kClasses = 4;
constexpr double kNever = 1, kAlways = -1;

// An image is told by its first pixel, its number; the fakes answer with it.
struct Images {
  explicit Images(int count) : pixels(static_cast<std::size_t>(count) * kPixels) {
    for (int i = 0; i < count; ++i) {
      for (int k = 0; k < kPixels; ++k) pixels[i * kPixels + k] = static_cast<std::uint8_t>(i + k);
      views.push_back({.pixels = &pixels[i * kPixels], .height = kSide, .width = kSide, .channels = 1});
    }
    outcomes.resize(count);
  }
  std::vector<std::uint8_t> pixels;
  std::vector<ImageView> views;
  std::vector<Outcome> outcomes;
};

inline int number(const engine::FakeRow& row) { return static_cast<int>(std::lround(row.input[0] * 255)) % 256; }

// Stage `stage` answers image i with label (i + stage) % 4; it is unsure where i % (stage + 2) != 0.
inline void answer(const engine::FakeRow& row, int stage) {
  const int i = number(row);
  std::fill(row.logits.begin(), row.logits.end(), 0.0f);
  row.logits[(i + stage) % kClasses] = i % (stage + 2) != 0 ? 0.5f : 9.0f;
  for (float& value : row.features) value = static_cast<float>(i);
  if (!row.carry.empty()) {
    std::fill(row.carry.begin(), row.carry.end(), static_cast<float>(100 + stage));
    row.carry[0] = row.input[0];
  }
}

inline bool unsure(int i, int stage) { return i % (stage + 2) != 0; }

struct Fixture {
  plan::Plan plan;
  std::vector<engine::FakeSession*> fakes;  // owned by the executor
  std::unique_ptr<Executor> executor;
};

struct StageSetup {
  int source = -1;  // -1: reads the image
  int carry = 0;
};

inline plan::Plan make_plan(std::span<const StageSetup> setup) {
  plan::Plan plan{.name = "test", .input = {1, kSide, kSide}, .classes = {"a", "b", "c", "d"}};
  plan.policy = plan::PolicyKind::confidence;
  for (std::size_t s = 0; s < setup.size(); ++s) {
    plan::Stage stage{.name = std::format("stage{}", s), .onnx = std::format("stage{}.onnx", s)};
    stage.input = setup[s].source < 0 ? plan::StageInput::image : plan::StageInput::features;
    stage.source = setup[s].source;
    stage.exit.threshold = 0.5;
    plan.stages.push_back(stage);
  }
  return plan;
}

inline std::unique_ptr<engine::FakeSession> make_fake(std::span<const StageSetup> setup, int s, int feature_width = 0) {
  const engine::SessionInfo shape{.input_size = setup[s].source < 0 ? kPixels : setup[setup[s].source].carry,
                                  .classes = kClasses,
                                  .feature_width = feature_width,
                                  .carry_size = setup[s].carry};
  return std::make_unique<engine::FakeSession>(shape, [s](const engine::FakeRow& row) { answer(row, s); });
}

inline Fixture make(const std::vector<StageSetup>& setup, std::vector<double> thresholds = {}) {
  Fixture fixture{.plan = make_plan(setup)};
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int s = 0; s < static_cast<int>(setup.size()); ++s) {
    auto fake = make_fake(setup, s);
    fixture.fakes.push_back(fake.get());
    sessions.push_back(std::move(fake));
  }
  fixture.executor = std::make_unique<Executor>(fixture.plan, std::move(sessions), thresholds);
  return fixture;
}

inline void expect_routed(const Images& images, int stages) {
  for (int i = 0; i < static_cast<int>(images.outcomes.size()); ++i) {
    int exit = 0;
    while (exit + 1 < stages && unsure(i % 256, exit)) ++exit;
    ASSERT_EQ(images.outcomes[i].exit, exit) << "image " << i;
    ASSERT_EQ(images.outcomes[i].label, (i % 256 + exit) % kClasses) << "image " << i;
    ASSERT_GT(images.outcomes[i].microseconds, 0);
  }
}

}  // namespace triage::runtime::testing_executor
