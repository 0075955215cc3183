#include "costing/layer_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/system/machine.h"
#include "core/test_support.h"
#include "costing/layer_bench.h"
#include "costing/random_model.h"
#include "engine/onnxruntime/onnx_session.h"
#include "engine/registry.h"
#include "family/any_space.h"

namespace triage::costing {
namespace {

using testing::HasSubstr;

const family::AnySpace kSpace = family::AnySpace::parse("4:8:4-8:16:8,8:16:8?");
const plan::InputShape kInput{.channels = 3, .height = 8, .width = 8};
constexpr int kClasses = 4;

LayerCostOptions tiny() {
  LayerCostOptions options;
  options.passes = 2;
  options.whole_nets = 6;
  options.cut_stages = 6;
  options.seconds = 0.02;
  options.min_runs = 6;
  options.save_seconds = 0;
  return options;
}

struct Killed {};

// Every stage that a plan with nets of the space can have.
std::vector<cost::Segment> all_stages() {
  std::vector<cost::Segment> stages;
  for (const family::ArchSpec& arch : kSpace->sample_distinct(1000, 1)) {
    stages.push_back({.arch = arch});
    stages.push_back({.arch = arch, .last_section = 1});
    stages.push_back({.arch = arch, .last_section = 1, .carry = true});
    stages.push_back({.arch = arch, .first_section = 1});
  }
  return stages;
}

TEST(RandomStage, AnswersWithNumbersOfTheirUsualSize) {
  for (const char* arch : {"8-16,16-32,32-32", "8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8"}) {  // deep: nothing fades or grows
    const cost::Segment stage{.arch = family::ArchSpec::parse(arch), .carry = true};
    const auto session = engine::make_onnx_session(random_stage_onnx(stage, {}, kClasses, 1), "random", {});
    std::vector<float> image(session->info().input_size), logits(kClasses), carry(session->info().carry_size);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<float>(i * 37 % 256) / 255;
    ASSERT_TRUE(session->run(1, {.input = image.data(), .logits = logits.data(), .carry = carry.data()}));
    double largest = 0;
    for (const float value : carry) {
      ASSERT_TRUE(std::isfinite(value));
      ASSERT_TRUE(value == 0 || std::fpclassify(value) == FP_NORMAL);
      largest = std::max(largest, double{value});
    }
    EXPECT_GT(largest, 0.01);
    EXPECT_LT(largest, 1000);
    for (const float value : logits) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(LayerCostSubjects, AreNetsToProfileNetsAndCutStages) {
  LayerCostOptions options = tiny();
  const family::AnySpace space = family::AnySpace::parse("4:8:4-8:16:8,8:16:8?-16:32:8-16:32:8");
  options.cut_stages = 12;
  std::set<std::string> cuts, held_out_cuts;
  int profiled = 0, whole = 0, held_out = 0;
  for (const LayerCostSubject& subject : layer_cost_subjects(space, kInput, options)) {
    const cost::Segment& segment = subject.segment;
    const std::string cut =
        std::format("{}:{}{}", segment.first_section, segment.end_section(), segment.carry ? "+" : "");
    const bool is_cut = cut != "0:4";
    profiled += subject.profiled;
    whole += !subject.profiled && !is_cut;
    held_out += subject.held_out && !is_cut;
    if (is_cut) (subject.held_out ? held_out_cuts : cuts).insert(cut);
  }
  EXPECT_EQ(whole, 6);
  EXPECT_EQ(held_out, 2);  // of 1, 3 and 5 but the largest
  EXPECT_GE(profiled, 12);
  EXPECT_THAT(cuts, testing::ElementsAre("0:2", "0:2+", "0:3", "0:3+", "2:4", "3:4"));
  EXPECT_EQ(cuts, held_out_cuts);
}

TEST(MeasureLayerCosts, EveryStageOfTheSpaceCanBePredicted) {
  const TempDir directory;
  const fs::path file = directory / "layer_costs.json";
  std::uint64_t last = 0, visits = 0;
  const cost::LayerCostTable measured =
      measure_layer_costs(kSpace, kInput, kClasses, tiny(), file, [&](std::uint64_t done, std::uint64_t total) {
        last = done;
        visits = total;
      });
  EXPECT_EQ(last, visits);
  EXPECT_EQ(measured.layers.size(), 2u + 4 + 4);
  EXPECT_EQ(measured.stages.size(), 6u + 6);
  for (const auto& [key, time] : measured.layers) EXPECT_GE(time.samples_us.size(), 4u) << key.text();  // 2 nets, twice
  for (const cost::MeasuredStage& stage : measured.stages) EXPECT_EQ(stage.time.samples_us.size(), 2u);
  EXPECT_GT(measured.whole_error.stages, 0);
  for (const auto& [key, time] : cost::load_layer_costs(file).layers)  // the same now and the next time
    EXPECT_EQ(time.samples_us, measured.layers.at(key).samples_us);

  const cost::LayerCosts costs(cost::load_layer_costs(file), file.string());
  int known = 0;
  for (const cost::Segment& stage : all_stages()) {
    const cost::StageCost expense = costs.stage(stage);
    EXPECT_TRUE(std::isfinite(expense.latency_us) && expense.latency_us > 0) << stage.text();
    EXPECT_GT(costs.predict(stage).latency_us, 0) << stage.text();
    known += expense.measured;
  }
  EXPECT_EQ(known, 12);
  EXPECT_EQ(costs.table().machine["cpu"], machine_context()["cpu"]);
  EXPECT_EQ(costs.table().engine_version, engine::onnx_runtime_version());
}

// Every operation of each family, a stem of stride 2 and 4, tails, and nets that see the image at a size of their own.
TEST(MeasureLayerCosts, EveryStageOfTheOtherFamiliesCanBePredicted) {
  for (const char* text : {"residual:16/4-16:32:16s4x1,x1?-20b16/2@32:48:16",
                           "mbconv:16h/2-16e1-16:24:8k3:5:2e2s4h,e2h?/2-40e6/2-c24h-f16h"}) {
    for (const plan::Precision precision : {plan::Precision::fp32, plan::Precision::int8}) {
      SCOPED_TRACE(text + (" " + to_string(precision)));
      const TempDir directory;
      const fs::path file = directory / "layer_costs.json";
      const auto space = family::AnySpace::parse(text);
      const plan::InputShape input{.channels = 3, .height = 32, .width = 32};
      LayerCostOptions options = tiny();
      options.precision = precision;
      measure_layer_costs(space, input, kClasses, options, file);
      const cost::LayerCosts costs(cost::load_layer_costs(file), file.string());
      for (const family::ArchSpec& arch : space->sample_distinct(1000, 1)) {
        for (const cost::Segment& stage : {cost::Segment{.arch = arch, .precision = precision},
                                           {.arch = arch, .last_section = 1, .carry = true, .precision = precision},
                                           {.arch = arch, .first_section = 1, .precision = precision}})
          EXPECT_GT(costs.predict(stage).latency_us, 0) << stage.text();
      }
    }
  }
}

// ONNX Runtime names the nodes of 8-bit kernels in its own way: every layer has to be found among them.
TEST(MeasureLayerCosts, StagesInInt8HaveATableOfTheirOwn) {
  const TempDir directory;
  const fs::path file = directory / "layer_costs_int8.json";
  LayerCostOptions options = tiny();
  options.precision = plan::Precision::int8;
  EXPECT_EQ(file.filename(), cost::layer_costs_name(key_of(options)));
  measure_layer_costs(kSpace, kInput, kClasses, options, file);
  const cost::LayerCosts costs(cost::load_layer_costs(file), file.string());
  int known = 0;
  for (cost::Segment stage : all_stages()) {
    stage.precision = plan::Precision::int8;
    known += costs.stage(stage).measured;
    EXPECT_GT(costs.predict(stage).latency_us, 0) << stage.text();
  }
  EXPECT_EQ(known, 12);
  EXPECT_THAT(error_of([&] { costs.stage(all_stages()[0]); }),
              HasSubstr("precision: found int8, expected that of stage"));
  options.precision = plan::Precision::fp32;
  EXPECT_THAT(error_of([&] { measure_layer_costs(kSpace, kInput, kClasses, options, file); }),
              HasSubstr("precision: found 'int8', where the costs were measured, expected 'fp32'"));
}

TEST(MeasureLayerCosts, GoesOnWhereItWasKilled) {
  const TempDir directory;
  const fs::path file = directory / "layer_costs.json";
  const auto kill_at = [](std::uint64_t visit) {
    return [visit](std::uint64_t done, std::uint64_t) {
      if (done == visit) throw Killed();
    };
  };
  EXPECT_THROW(measure_layer_costs(kSpace, kInput, kClasses, tiny(), file, kill_at(9)), Killed);
  const cost::LayerCostTable part = cost::load_layer_costs(file);
  EXPECT_FALSE(part.complete);
  EXPECT_EQ(part.visits, 9u);
  EXPECT_THROW(measure_layer_costs(kSpace, kInput, kClasses, tiny(), file, kill_at(30)), Killed);

  std::vector<std::uint64_t> seen;
  const cost::LayerCostTable table = measure_layer_costs(
      kSpace, kInput, kClasses, tiny(), file, [&](std::uint64_t done, std::uint64_t) { seen.push_back(done); });
  EXPECT_EQ(seen.front(), 30u);
  EXPECT_TRUE(table.complete);
  for (const auto& [key, time] : part.layers) {  // what there was has stayed
    const std::vector<double>& samples = table.layers.at(key).samples_us;
    ASSERT_GE(samples.size(), time.samples_us.size());
    EXPECT_TRUE(std::equal(time.samples_us.begin(), time.samples_us.end(), samples.begin()));
  }
  std::size_t stage_samples = 0;
  for (const cost::MeasuredStage& stage : table.stages) stage_samples += stage.time.samples_us.size();
  EXPECT_EQ(stage_samples, 12u * 2);

  seen.clear();  // a finished one is not measured again
  measure_layer_costs(kSpace, kInput, kClasses, tiny(), file, [&](auto done, auto) { seen.push_back(done); });
  EXPECT_TRUE(seen.empty());
}

TEST(MeasureLayerCosts, AFileOfAnotherMeasurementIsRefused) {
  const TempDir directory;
  const fs::path file = directory / "layer_costs.json";
  const auto stop = [](std::uint64_t done, std::uint64_t) {
    if (done == 1) throw Killed();
  };
  EXPECT_THROW(measure_layer_costs(kSpace, kInput, kClasses, tiny(), file, stop), Killed);
  LayerCostOptions options = tiny();
  const auto error = [&](int classes = kClasses) {
    return error_of([&] { measure_layer_costs(kSpace, kInput, classes, options, file); });
  };
  EXPECT_THAT(error(5), HasSubstr("layer_costs.json: classes: found 4, expected 5"));
  options.passes = 3;
  EXPECT_THAT(error(), HasSubstr("layer_costs.json: settings.passes: found 2, expected 3"));
  options = tiny();
  options.threads = 2;
  EXPECT_THAT(error(), HasSubstr("layer_costs.json: threads: found '1'"));
  options = tiny();
  Json json = read_json(file);
  json["machine"]["cpu"] = "another";
  write_sealed_json(file, json);
  EXPECT_THAT(error(), HasSubstr("layer_costs.json: machine.cpu: found 'another'"));
}

// A device that answers by formula, goes away after some visits and may come back as another machine.
class FakeBench : public LayerBench {
 public:
  std::string device() const override { return "pi5"; }
  std::optional<cost::MeasuredOn> known() const override { return std::nullopt; }
  std::size_t max_visits() const override { return 5; }
  LayerVisitAnswer visit(const LayerVisits& visits, const std::function<void(std::size_t)>& done) override {
    if (calls_ == gone_after) throw remote::DeviceVanished(remote::DeviceProblem::vanished, "pi5: connection lost");
    ++calls_;
    LayerVisitAnswer answer{.on = {"pi5", {{"cpu", cpu}, {"flags", "asimd"}}, "1.21"}};
    for (const LayerCostSubject& subject : visits.subjects) {
      const cost::SegmentNet net = cost::segment_net(subject.segment, kInput, kClasses);
      LayerVisitTimes times{.runs = 7};
      for (const cost::KeyedLayer& layer : cost::keyed_layers(net.net.layers, net.begin, net.end)) {
        const double us = 1 + 1e-3 * static_cast<double>(family::size_of({layer.layers.front(), 1}).macs);
        times.whole_us += us;
        if (subject.profiled) times.layers_us.push_back(us);
      }
      if (calls_ == 2) times.unstable_because = "too warm";
      answer.times.push_back(times);
      done(answer.times.size());
    }
    answer.states.push_back({{"first", visits.first}});
    return answer;
  }
  int gone_after = -1;
  std::string cpu = "Cortex-A76";

 private:
  int calls_ = 0;
};

TEST(MeasureLayerCosts, ADeviceThatVanishedIsComeBackTo) {
  const TempDir directory;
  const fs::path file = directory.path() / cost::layer_costs_name(cost::LayerCostTable().key, "pi5");
  std::vector<std::uint64_t> seen;
  const auto measure = [&](FakeBench& bench) {
    seen.clear();
    return measure_layer_costs(kSpace, kInput, kClasses, tiny(), file, bench,
                               [&](std::uint64_t done, std::uint64_t) { seen.push_back(done); });
  };
  FakeBench bench;
  bench.gone_after = 0;
  EXPECT_THROW(measure(bench), remote::DeviceVanished);
  EXPECT_FALSE(fs::exists(file));  // nothing was measured
  bench.gone_after = 3;
  EXPECT_THAT(error_of([&] { measure(bench); }), HasSubstr("pi5: connection lost; 15 of "));
  EXPECT_EQ(cost::load_layer_costs(file).visits, 15u);
  FakeBench other;
  other.cpu = "Cortex-A72";
  EXPECT_THAT(error_of([&] { measure(other); }),
              HasSubstr("layer_costs_on_pi5.json: machine.cpu: found 'Cortex-A76', where the costs were measured, "
                        "expected 'Cortex-A72'"));
  bench.gone_after = -1;
  const cost::LayerCostTable table = measure(bench);
  EXPECT_EQ(seen.front(), 15u);
  EXPECT_TRUE(table.complete);
  EXPECT_EQ(table.device, "pi5");
  EXPECT_EQ(table.machine["cpu"], "Cortex-A76");
  EXPECT_EQ(table.unstable, (std::map<std::string, std::uint64_t>{{"too warm", 5}}));
  std::uint64_t next = 0;
  for (const Json& state : table.states) {  // every visit once, in parts that do not cross a pass
    EXPECT_EQ(state["first"], next);
    next = std::min(next + 5, next < table.visits / 2 ? table.visits / 2 : table.visits);
  }
  EXPECT_LT(table.whole_error.max_percent, 0.1);

  bench.gone_after = 0;  // a complete table needs its device no more, and is of no other
  EXPECT_EQ(to_json(measure(bench)), to_json(table));
  EXPECT_TRUE(seen.empty());
  EXPECT_THAT(error_of([&] { measure_layer_costs(kSpace, kInput, kClasses, tiny(), file); }),
              HasSubstr("device: found 'pi5', where the costs were measured, expected 'this machine'"));
}

// ONNX Runtime fuses and names nodes of XNNPACK in its own way, too.
TEST(MeasureLayerCosts, XnnpackHasATableOfItsOwn) {
  const std::vector<std::string> providers = engine::stage_providers();
  if (std::ranges::find(providers, "xnnpack") == providers.end()) GTEST_SKIP() << "ONNX Runtime without XNNPACK";
  const TempDir directory;
  LayerCostOptions options = tiny();
  options.provider = "xnnpack";
  const fs::path file = directory.path() / cost::layer_costs_name(key_of(options));
  EXPECT_EQ(file.filename(), "layer_costs_xnnpack.json");
  measure_layer_costs(kSpace, kInput, kClasses, options, file);
  const cost::LayerCosts costs(cost::load_layer_costs(file), file.string());
  for (const cost::Segment& stage : all_stages()) EXPECT_GT(costs.predict(stage).latency_us, 0) << stage.text();
  EXPECT_EQ(costs.identity()["provider"], "xnnpack");
}

TEST(MeasureLayerCosts, BadOptionsAreNamed) {
  const auto error = [](const LayerCostOptions& options) {
    return error_of([&] { measure_layer_costs(kSpace, kInput, kClasses, options, "never.json"); });
  };
  LayerCostOptions options = tiny();
  options.passes = 0;
  EXPECT_EQ(error(options), "layer costs: passes: found 0, expected at least 1");
  options = tiny();
  options.exits = {1};
  EXPECT_EQ(error(options), "layer costs: exits: found 1, expected a section before 1");
}

}  // namespace
}  // namespace triage::costing
