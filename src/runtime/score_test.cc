#include "runtime/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "core/system/cpu_test_support.h"

namespace triage::runtime {
namespace {

class Score : public testing::TestWithParam<CpuFeatures> {
  CpuOverride only_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(EveryCpu, Score, testing::ValuesIn(cpus_here()));

// In double precision, from the definitions.
struct Reference {
  int label = 0;
  double confidence = 0, entropy = 0, margin = 0;
  Reference(const std::vector<float>& logits, double temperature) {
    double top = -INFINITY, total = 0;
    for (float logit : logits) top = std::max<double>(top, logit);
    std::vector<double> p;
    for (float logit : logits) p.push_back(std::exp((logit - top) / temperature));
    for (double value : p) total += value;
    double second = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      p[i] /= total;
      if (p[i] > 0) entropy -= p[i] * std::log(p[i]);
      if (p[i] > p[label]) label = static_cast<int>(i);
    }
    for (std::size_t i = 0; i < p.size(); ++i) {
      if (static_cast<int>(i) != label) second = std::max(second, p[i]);
    }
    confidence = p[label];
    margin = confidence - second;
    entropy = p.size() > 1 ? entropy / std::log(static_cast<double>(p.size())) : 0;
  }
};

TEST_P(Score, EvidenceAgreesWithDoublePrecision) {
  std::mt19937 random(1);
  for (int classes : {1, 2, 3, 7, 8, 9, 10, 16, 100, 1000}) {
    for (double temperature : {0.3, 1.0, 2.5}) {
      for (double spread : {0.01, 1.0, 20.0}) {
        std::vector<float> logits(classes);
        for (float& logit : logits) logit = static_cast<float>(std::normal_distribution<double>(3, spread)(random));
        const Reference want(logits, temperature);
        const Evidence got = evidence(logits, static_cast<float>(temperature));
        SCOPED_TRACE(std::format("{} classes, temperature {}, spread {}", classes, temperature, spread));
        EXPECT_EQ(got.label, want.label);
        EXPECT_NEAR(got.confidence, want.confidence, 2e-6);
        EXPECT_NEAR(got.entropy, want.entropy, 2e-6);
        EXPECT_NEAR(got.margin, want.margin, 2e-6);
      }
    }
  }
}

TEST_P(Score, TiesGoToTheLowestIndex) {
  const std::vector<float> logits{1, 4, 4, 2};
  const Evidence got = evidence(logits, 1);
  EXPECT_EQ(got.label, 1);
  EXPECT_EQ(got.margin, 0);
}

TEST_P(Score, ExtremeLogits) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Evidence sure = evidence(std::vector<float>{-1e30f, 1e30f, 0}, 1);
  EXPECT_EQ(sure.label, 1);
  EXPECT_FLOAT_EQ(sure.confidence, 1);
  EXPECT_NEAR(sure.entropy, 0, 1e-6);
  const Evidence masked = evidence(std::vector<float>{-infinity, 0, 0}, 1);
  EXPECT_FLOAT_EQ(masked.confidence, 0.5f);
  EXPECT_NEAR(masked.entropy, std::log(2) / std::log(3), 1e-6);
  for (std::size_t place : {0u, 3u, 9u}) {  // in the vector part and in the rest
    std::vector<float> logits(10, 1.0f);
    logits[place] = nan;
    EXPECT_TRUE(std::isnan(evidence(logits, 1).confidence)) << place;
    logits[place] = infinity;
    EXPECT_TRUE(std::isnan(evidence(logits, 1).confidence)) << place;
  }
}

plan::Router random_router(int width, int hidden, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 1);
  plan::Router router{.feature_width = width, .hidden = hidden};
  const auto fill = [&](std::vector<float>& values, int count, float scale) {
    for (int i = 0; i < count; ++i) values.push_back(normal(random) * scale);
  };
  fill(router.mean, router.inputs(), 1);
  for (int i = 0; i < router.inputs(); ++i) router.scale.push_back(0.5f + static_cast<float>(i % 5) * 0.3f);
  fill(router.weight1, hidden * router.inputs(), 0.2f);
  fill(router.bias1, hidden, 0.5f);
  fill(router.weight2, hidden, 0.3f);
  router.bias2 = -0.2f;
  router.skip = -0.7f;
  return router;
}

TEST_P(Score, RouterAgreesWithDoublePrecision) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 1);
  for (int width : {0, 1, 5, 8, 13, 64, 256}) {
    for (int hidden : {1, 3, 4, 6, 16, 32}) {
      const plan::Router router = random_router(width, hidden, random);
      std::vector<float> features(width);
      for (float& feature : features) feature = normal(random);
      const Evidence seen{.label = 0, .confidence = 0.7f, .entropy = 0.4f, .margin = 0.5f};
      std::vector<double> x(features.begin(), features.end());
      x.insert(x.end(), {seen.confidence, seen.entropy, seen.margin});
      for (int i = 0; i < router.inputs(); ++i) x[i] = (x[i] - router.mean[i]) * router.scale[i];
      double want = router.bias2 + router.skip * x[width];
      for (int h = 0; h < hidden; ++h) {
        double sum = router.bias1[h];
        for (int i = 0; i < router.inputs(); ++i) sum += router.weight1[h * router.inputs() + i] * x[i];
        want += router.weight2[h] * std::max(sum, 0.0);
      }
      want = 1 / (1 + std::exp(-want));
      EXPECT_NEAR(router_score(router, features, seen), want, 1e-5) << width << " features, " << hidden << " hidden";
    }
  }
}

TEST_P(Score, BaselinesGrowWithTheNeedForABiggerNet) {
  const Evidence seen{.label = 0, .confidence = 0.75f, .entropy = 0.4f, .margin = 0.5f};
  const plan::Exit exit;
  EXPECT_FLOAT_EQ(escalation_score(plan::PolicyKind::confidence, exit, {}, seen), 0.25f);
  EXPECT_FLOAT_EQ(escalation_score(plan::PolicyKind::entropy, exit, {}, seen), 0.4f);
  EXPECT_FLOAT_EQ(escalation_score(plan::PolicyKind::margin, exit, {}, seen), 0.5f);
}

}  // namespace
}  // namespace triage::runtime
