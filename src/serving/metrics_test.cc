#include "serving/metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <optional>
#include <sstream>
#include <thread>

#include "core/error.h"
#include "serving/metrics_test_support.h"
#include "serving/plan_metrics.h"

namespace triage::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_metrics::parse;
using testing_metrics::Sample;

TEST(Metrics, TextAsTheFormatHasIt) {
  MetricsRegistry registry;
  registry.counter("b_total", "Two\nlines, a \\", {{"path", "a\"b\\c\nd"}}).add(2);
  registry.gauge("a", "One").set(-0.5);
  const std::array bounds{0.1, 1.0};
  Histogram& histogram = registry.histogram("c", "Three", bounds, {{"x", "y"}});
  histogram.observe(0.1);  // a bound belongs to its bucket
  histogram.observe(0.5);
  histogram.observe(7);
  EXPECT_EQ(registry.text(),
            "# HELP a One\n# TYPE a gauge\na -0.5\n"
            "# HELP b_total Two\\nlines, a \\\\\n# TYPE b_total counter\nb_total{path=\"a\\\"b\\\\c\\nd\"} 2\n"
            "# HELP c Three\n# TYPE c histogram\n"
            "c_bucket{x=\"y\",le=\"0.1\"} 1\nc_bucket{x=\"y\",le=\"1\"} 2\nc_bucket{x=\"y\",le=\"+Inf\"} 3\n"
            "c_sum{x=\"y\"} 7.6\nc_count{x=\"y\"} 3\n");
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  MetricsRegistry registry;
  Counter& one = registry.counter("a", "help", {{"k", "1"}});
  EXPECT_EQ(&registry.counter("a", "other help", {{"k", "1"}}), &one);
  EXPECT_NE(&registry.counter("a", "help", {{"k", "2"}}), &one);
  EXPECT_THAT(registry.text(), HasSubstr("# HELP a help\n"));
  EXPECT_THROW(registry.gauge("a", "help"), Error);
  for (const char* name : {"", "1a", "a-b", "ä"}) EXPECT_THROW(registry.counter(name, "help"), Error) << name;
  for (const char* label : {"", "a:b", "__a", "le", "a b"})
    EXPECT_THROW(registry.counter("b", "help", {{label, "v"}}), Error) << label;
  const std::array descending{1.0, 0.5};
  EXPECT_THROW(registry.histogram("h", "help", descending), Error);
}

TEST(Metrics, GaugesOfLabelsAreRemovedAndCountersStay) {
  MetricsRegistry registry;
  registry.gauge("g", "help", {{"model", "a"}, {"stage", "x"}}).set(1);
  registry.gauge("g", "help", {{"model", "b"}, {"stage", "x"}}).set(2);
  registry.counter("c", "help", {{"model", "a"}}).add();
  registry.remove_gauges({{"model", "a"}});
  EXPECT_EQ(registry.text(),
            "# HELP c help\n# TYPE c counter\nc{model=\"a\"} 1\n"
            "# HELP g help\n# TYPE g gauge\ng{model=\"b\",stage=\"x\"} 2\n");
}

TEST(Metrics, ManyThreadsCountWhatTheyCount) {
  MetricsRegistry registry;
  const std::array bounds{1.0, 2.0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        registry.counter("n", "help").add();
        registry.histogram("h", "help", bounds).observe(i % 4);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.counter("n", "help").value(), 4000);
  EXPECT_THAT(registry.histogram("h", "help", bounds).counts(), ElementsAre(2000u, 1000u, 1000u));
  EXPECT_EQ(registry.histogram("h", "help", bounds).sum(), 6000);
}

TEST(PlanMetrics, CountsWhatASchedulerReports) {
  MetricsRegistry registry;
  ClassifierInfo info;
  info.stages = {"little", "big"};
  info.engines = {"compiled", "onnxruntime"};
  PlanMetrics metrics(registry, "pair", "2", info);
  metrics.batch_ran(
      {.stage = 0, .images = 3, .sent_on = 1, .longest_wait_us = 50, .input_us = 1, .infer_us = 2, .output_us = 3});
  metrics.batch_ran({.stage = 1, .images = 1, .longest_wait_us = 70, .infer_us = 4});
  metrics.batch_ran({.stage = -1, .images = 1, .input_us = 5});
  metrics.image_answered({.outcome = {.exit = 0}, .visits = {{.score = 0.25}}});
  metrics.image_answered({.outcome = {.exit = 1}, .visits = {{.score = 0.75}, {}}});
  metrics.request_ended({.images = 2, .queue_us = 100, .total_us = 400});
  metrics.request_ended({.error = RequestErrorCode::queue_full, .images = 1});
  const std::vector<StageVisit> agree{{.label = 1}, {.label = 1}}, differ{{.label = 1}, {.label = 2}};
  metrics.audited({.exit = 0, .visits = agree});
  metrics.audited({.exit = 0, .visits = differ});
  metrics.collect({.images = 7, .bytes = 70, .waiting = {4, 3}}, std::array{0.4});
  const PlanStatistics statistics = metrics.statistics();
  EXPECT_EQ(statistics.success, 1u);
  EXPECT_EQ(statistics.failure, 1u);
  EXPECT_EQ(statistics.inference_count, 2u);
  EXPECT_EQ(statistics.exec_count, 2u);
  EXPECT_EQ(statistics.input_us, 6);
  EXPECT_EQ(statistics.infer_us, 6);
  EXPECT_THAT(statistics.exits, ElementsAre(1u, 1u));

  const auto samples = parse(registry.text());
  ASSERT_TRUE(samples);
  const auto value = [&](const std::string& name, const Labels& more = {}) {
    Labels labels{{"model", "pair"}, {"version", "2"}};
    labels.insert(labels.end(), more.begin(), more.end());
    for (const Sample& sample : *samples)
      if (sample.name == name && sample.labels == labels) return sample.value;
    return std::nan("");
  };
  EXPECT_EQ(value("nv_inference_request_success"), 1);
  EXPECT_EQ(value("nv_inference_count"), 2);
  EXPECT_EQ(value("nv_inference_request_duration_us"), 400);
  EXPECT_EQ(value("triage_request_errors", {{"code", "queue_full"}}), 1);
  EXPECT_EQ(value("triage_exits", {{"stage", "big"}}), 1);
  EXPECT_EQ(value("triage_stage_images", {{"stage", "little"}}), 3);
  EXPECT_EQ(value("triage_batch_size_bucket", {{"stage", "little"}, {"le", "2"}}), 0);
  EXPECT_EQ(value("triage_batch_size_bucket", {{"stage", "little"}, {"le", "4"}}), 1);
  EXPECT_EQ(value("triage_score_count", {{"stage", "little"}}), 2);
  EXPECT_EQ(value("triage_share_sent_on", {{"stage", "little"}}), 1 / 3.0);
  EXPECT_EQ(value("triage_threshold", {{"stage", "little"}}), 0.4);
  EXPECT_EQ(value("triage_stage_waiting", {{"stage", "big"}}), 3);
  EXPECT_EQ(value("triage_engine", {{"stage", "big"}, {"engine", "onnxruntime"}}), 1);
  EXPECT_EQ(value("triage_audited_images"), 2);
  EXPECT_EQ(value("triage_audits_that_agree"), 1);
  metrics.retire();
  EXPECT_THAT(registry.text(), ::testing::Not(HasSubstr("triage_threshold{")));
}

}  // namespace
}  // namespace triage::serving
