#include "cost/layers/layer_costs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.h"
#include "core/test_support.h"

namespace triage::cost {
namespace {

using testing::HasSubstr;

const plan::InputShape kInput{.channels = 3, .height = 8, .width = 8};
constexpr const char* kOrigin = "layer_costs.json";
constexpr int kPool = 2;

TimedRuns timed(double us) { return {.samples_us = {us - 1, us, us + 50}, .runs = 300}; }

// "4-8" and "4-8,8": layers of 10, 20 and 30 µs.
LayerCostTable three_layers() {
  LayerCostTable table;
  table.machine = {{"cpu", "a cpu"}, {"cores", 2}, {"flags", "avx2 fma"}};
  table.engine_version = "1.2.3";
  table.input = kInput;
  table.classes = 10;
  table.settings = {{"space", "4-8,8?"}, {"seed", 1}};
  table.visits = 7;
  table.layers[{3, 4, 8, 8}] = timed(10);
  table.layers[{4, 8, 8, 8, kPool}] = timed(20);
  table.layers[{8, 8, 4, 4}] = timed(30);
  table.fit = {.scale = 2,
               .per_layer_us = 3,
               .fixed_us = 5,
               .image_us = 7,
               .per_head_kb_us = 16,
               .per_carry_in_kb_us = 32,
               .per_carry_out_kb_us = 64};
  table.complete = true;
  return table;
}

Segment segment(const char* arch) { return {.arch = family::ArchSpec::parse(arch)}; }

TEST(LayerFit, RecoversTheCoefficientsThatMadeTheTimes) {
  const LayerFit truth{.scale = 0.9,
                       .per_layer_us = 1.5,
                       .fixed_us = 4,
                       .image_us = 3,
                       .per_head_kb_us = 0.1,
                       .per_carry_in_kb_us = 0.3,
                       .per_carry_out_kb_us = 0.2,
                       .per_image_kb_us = 0.25,
                       .resize_us = 11};
  Rng rng(1);
  std::vector<StageTerms> stages;
  std::vector<double> us;
  for (int i = 0; i < 60; ++i) {
    StageTerms stage{.layers_us = 50 + 900 * rng.uniform(), .layers = 2 + static_cast<int>(rng.below(7))};
    stage.image = i % 3 != 0;
    stage.head_kb = 4 + 60 * rng.uniform();
    if (stage.image) stage.image_kb = i % 2 == 0 ? 12 : 27 + i % 5;
    stage.resized = stage.image && i % 2 == 1;
    if (!stage.image) stage.carry_in_kb = 8 + 50 * rng.uniform();
    if (i % 4 == 0) stage.carry_out_kb = stage.head_kb;
    stages.push_back(stage);
    us.push_back(truth.predict(stage));
  }
  const LayerFit fit = fit_layers(stages, us);
  EXPECT_NEAR(fit.scale, truth.scale, 1e-6);
  EXPECT_NEAR(fit.per_layer_us, truth.per_layer_us, 1e-4);
  EXPECT_NEAR(fit.fixed_us, truth.fixed_us, 1e-3);
  EXPECT_NEAR(fit.image_us, truth.image_us, 1e-3);
  EXPECT_NEAR(fit.per_head_kb_us, truth.per_head_kb_us, 1e-4);
  EXPECT_NEAR(fit.per_carry_in_kb_us, truth.per_carry_in_kb_us, 1e-4);
  EXPECT_NEAR(fit.per_carry_out_kb_us, truth.per_carry_out_kb_us, 1e-4);
  EXPECT_NEAR(fit.per_image_kb_us, truth.per_image_kb_us, 1e-4);
  EXPECT_NEAR(fit.resize_us, truth.resize_us, 1e-3);
}

TEST(LayerFit, ImagesOfOneSizeCostWhatImagesCost) {
  std::vector<StageTerms> stages;
  std::vector<double> us;
  for (int i = 1; i <= 8; ++i) {
    stages.push_back({.layers_us = 100.0 * i, .layers = 4, .image = i % 2 == 0, .image_kb = i % 2 == 0 ? 12.0 : 0});
    us.push_back(stages.back().layers_us + (i % 2 == 0 ? 6 : 0));
  }
  const LayerFit fit = fit_layers(stages, us);
  EXPECT_NEAR(fit.image_us, 6, 1e-6);
  EXPECT_EQ(fit.per_image_kb_us, 0);
}

TEST(LayerFit, WhatTheProfilerAddsIsTakenOff) {
  std::vector<StageTerms> stages;
  std::vector<double> us;
  for (int i = 1; i <= 20; ++i) {  // each layer costs 2 µs less than its entry
    stages.push_back({.layers_us = 10.0 * i * i, .layers = i, .head_kb = 4});
    us.push_back(10.0 * i * i - 2 * i);
  }
  const LayerFit fit = fit_layers(stages, us);
  EXPECT_NEAR(fit.scale, 1, 1e-6);
  EXPECT_NEAR(fit.profiler_us, 2, 1e-4);
  EXPECT_EQ(fit.per_layer_us, 0);
  EXPECT_GT(fit.predict({.layers_us = 1, .layers = 5}), 0);  // of entries that were hardly measured
}

TEST(LayerFit, TermsThatCannotBeToldApartAreNoHindrance) {
  std::vector<StageTerms> stages;
  std::vector<double> us;
  for (int i = 1; i <= 5; ++i) {  // all read the image, all have as many layers and the same head
    stages.push_back({.layers_us = 100.0 * i, .layers = 4, .head_kb = 8});
    us.push_back(100.0 * i + 12);
  }
  const LayerFit fit = fit_layers(stages, us);
  for (std::size_t i = 0; i < stages.size(); ++i) EXPECT_NEAR(fit.predict(stages[i]), us[i], 1e-6);
}

TEST(LayerFit, OneStageIsEnoughAndNoneIsNot) {
  const std::vector<StageTerms> one{{.layers_us = 50, .layers = 2}};
  EXPECT_NEAR(fit_layers(one, std::vector{60.0}).predict(one[0]), 60, 1e-9);
  EXPECT_THAT(error_of([] { fit_layers({}, {}); }), HasSubstr("found 0 rows"));
  EXPECT_THAT(error_of([&] { fit_layers(one, std::vector{0.0}); }), HasSubstr("expected values above 0, found 0"));
}

TEST(StageTerms, CountMapsWhereTheStageBeginsAndEnds) {
  const auto terms = [](const Segment& stage) {
    return stage_terms(segment_net(stage, kInput, 10), stage.carry, kInput);
  };
  const StageTerms net = terms(segment("4-8,8"));
  EXPECT_EQ(net.layers, 3);
  EXPECT_TRUE(net.image);
  EXPECT_EQ(net.head_kb, 0.5);  // 8 channels of 4x4
  EXPECT_EQ(net.carry_in_kb + net.carry_out_kb, 0);
  EXPECT_EQ(net.image_kb, 0.75);
  EXPECT_EQ(terms(segment("residual:4-4@16")).image_kb, 3);
  EXPECT_TRUE(terms(segment("residual:4-4@16")).resized);
  EXPECT_FALSE(terms(segment("residual:4-4@8")).resized);
  const StageTerms first = terms({.arch = family::ArchSpec::parse("4-8,8"), .last_section = 1, .carry = true});
  EXPECT_EQ(first.layers, 1);
  EXPECT_EQ(first.head_kb, 1);  // 4 channels of 8x8
  EXPECT_EQ(first.carry_out_kb, 1);
  const StageTerms second = terms({.arch = family::ArchSpec::parse("4-8"), .first_section = 1});
  EXPECT_FALSE(second.image);
  EXPECT_EQ(second.head_kb, 0.5);  // behind the pool
  EXPECT_EQ(second.carry_in_kb, 1);
}

TEST(LayerCosts, AStageIsTheSumOfItsLayersAndWhatIsAround) {
  const LayerCosts costs(three_layers(), kOrigin);
  EXPECT_DOUBLE_EQ(costs.stage(segment("4-8,8")).latency_us, 2 * 60 + 3 * 3 + 5 + 7 + 16 * 0.5);
  EXPECT_DOUBLE_EQ(costs.stage(segment("4-8")).latency_us, 2 * 30 + 3 * 2 + 5 + 7 + 16 * 0.5);
  Segment stage = segment("4-8,8");
  stage.last_section = 1;
  EXPECT_DOUBLE_EQ(costs.stage(stage).latency_us, 2 * 10 + 3 + 5 + 7 + 16);
  stage.carry = true;
  EXPECT_DOUBLE_EQ(costs.stage(stage).latency_us, 2 * 10 + 3 + 5 + 7 + 16 + 64);
  stage = segment("4-8,8");
  stage.first_section = 1;
  EXPECT_DOUBLE_EQ(costs.stage(stage).latency_us, 2 * 50 + 3 * 2 + 5 + 16 * 0.5 + 32);
  EXPECT_FALSE(costs.stage(stage).measured);
  EXPECT_FALSE(costs.stage(stage).energy_uj.has_value());
}

TEST(LayerCosts, AStageThatWasMeasuredWholeCostsThat) {
  LayerCostTable table = three_layers();
  table.stages.push_back({.segment = segment("4-8"), .time = timed(99)});
  const LayerCosts costs(table, kOrigin);
  EXPECT_TRUE(costs.stage(segment("4-8")).measured);
  EXPECT_EQ(costs.stage(segment("4-8")).latency_us, 99);
  EXPECT_EQ(costs.stage({.arch = family::ArchSpec::parse("4-8"), .last_section = 2}).latency_us, 99);  // the same stage
  EXPECT_FALSE(costs.predict(segment("4-8")).measured);
  EXPECT_NE(costs.predict(segment("4-8")).latency_us, 99);
}

TEST(LayerCosts, ALayerThatTheTableLacksIsNamed) {
  const LayerCosts costs(three_layers(), kOrigin);
  EXPECT_EQ(error_of([&] { costs.stage(segment("4-16")); }),
            "layer_costs.json: layers: expected 4 -> 16 channels at 8x8, pool, which is block1.conv0 of stage '4-16', "
            "found none of 3");
}

TEST(LayerCosts, IdentityTellsTwoMeasurementsApart) {
  const LayerCostTable table = three_layers();
  LayerCostTable other = table;
  other.layers.begin()->second.samples_us[0] += 1;
  const Json identity = LayerCosts(table, kOrigin).identity();
  EXPECT_EQ(identity, LayerCosts(table, "elsewhere").identity());
  EXPECT_NE(identity, LayerCosts(other, kOrigin).identity());
  EXPECT_EQ(identity["cpu"], "a cpu");
  EXPECT_EQ(identity["threads"], 1);
}

// The nets' true costs are the sum of their layers and 12 µs; those held out, 10 % more.
TEST(FitLayerCosts, FitsToOneHalfAndTellsTheErrorOnTheOther) {
  LayerCostTable table = three_layers();
  const auto add = [&](Segment stage, double us, bool held_out) {
    table.stages.push_back({.segment = std::move(stage), .held_out = held_out, .time = timed(us)});
  };
  add(segment("4-8"), 42, false);
  add(segment("4-8,8"), 72, false);
  add({.arch = family::ArchSpec::parse("4-8"), .last_section = 1}, 22, false);
  add({.arch = family::ArchSpec::parse("4-8,8"), .last_section = 1}, 22 * 1.1, true);
  fit_layer_costs(table, kOrigin);
  EXPECT_EQ(table.whole_error.stages, 0);
  EXPECT_EQ(table.cut_error.stages, 1);
  EXPECT_NEAR(table.cut_error.mean_percent, 100 * (1 - 1 / 1.1), 1e-6);
  EXPECT_EQ(table.cut_error.kendall_tau, 0);  // one stage has no order
  const LayerCosts costs(table, kOrigin);
  EXPECT_NEAR(costs.predict(segment("4-8,8")).latency_us, 72, 1e-6);

  for (MeasuredStage& stage : table.stages) stage.held_out = !stage.held_out;
  fit_layer_costs(table, kOrigin);
  EXPECT_EQ(table.whole_error.stages, 2);
  EXPECT_EQ(table.whole_error.kendall_tau, 1);
  EXPECT_GE(table.whole_error.max_percent, table.whole_error.mean_percent);
}

class LayerCostsFileTest : public testing::Test {
 protected:
  LayerCostsFileTest() {
    table_ = three_layers();
    table_.stages.push_back({.segment = segment("4-8"), .held_out = true, .time = timed(99)});
    table_.stages.push_back({.segment = {.arch = family::ArchSpec::parse("4-8,8"), .last_section = 1, .carry = true},
                             .time = timed(22.123)});
    table_.whole_error = {.stages = 1, .mean_percent = 1.5, .max_percent = 1.5, .kendall_tau = 0};
    json_ = to_json(table_);
  }
  std::string error() const {
    return error_of([this] { layer_costs_from_json(json_, kOrigin); });
  }

  LayerCostTable table_;
  Json json_;
  TempDir directory_;
};

TEST_F(LayerCostsFileTest, ComesBackAsItWas) {
  const fs::path file = directory_ / "layer_costs.json";
  save_layer_costs(file, table_);
  const LayerCostTable read = load_layer_costs(file);
  EXPECT_EQ(to_json(read), json_);
  EXPECT_EQ(read.fit, table_.fit);
  EXPECT_EQ(read.key, table_.key);
  EXPECT_EQ(read.stages[1].segment.text(), "4-8,8[0:1]+carry");
  EXPECT_TRUE(read.stages[0].held_out);
  EXPECT_EQ(read.layers.at({3, 4, 8, 8}).us(), 10);
  EXPECT_EQ(LayerCosts(read, "a").identity(), LayerCosts(table_, "b").identity());
}

// A file as it was written when there were plain nets alone: it means what it meant, and two searches that have it, one
// of them of before, agree on their costs.
TEST_F(LayerCostsFileTest, AFileOfPlainNetsIsAsEver) {
  const std::string text =
      R"({"version":1,"machine":{"cpu":"a cpu"},"engine":"onnxruntime","engine_version":"1.2.3","provider":"cpu",)"
      R"("precision":"fp32","threads":1,"input":{"channels":3,"height":8,"width":8},"classes":10,)"
      R"("settings":{"space":"4-8"},"provenance":{},"visits":7,"complete":true,)"
      R"("fit":{"scale":2.0,"per_layer_us":3.0,"fixed_us":5.0,"image_us":7.0,"per_head_kb_us":16.0,)"
      R"("per_carry_in_kb_us":32.0,"per_carry_out_kb_us":64.0},)"
      R"("error":{"whole_nets":{"stages":3,"mean_percent":1.5,"max_percent":2.0,"kendall_tau":0.5},)"
      R"("cut_stages":{"stages":0,"mean_percent":0.0,"max_percent":0.0,"kendall_tau":0.0}},)"
      R"("layers":[{"in_channels":3,"out_channels":4,"height":8,"width":8,"pool":false,"runs":9,"samples_us":[10.0]},)"
      R"({"in_channels":4,"out_channels":8,"height":8,"width":8,"pool":true,"runs":9,"samples_us":[20.0]}],)"
      R"("stages":[{"arch":"4-8","first_block":0,"last_block":1,"carry":true,"held_out":false,"runs":9,)"
      R"("samples_us":[99.0]}]})";
  const LayerCostTable read = layer_costs_from_json(Json::parse(text), kOrigin);
  EXPECT_EQ(to_json(read).dump(), text);
  EXPECT_EQ(read.layers.at({4, 8, 8, 8, kPool}).us(), 20);
  const LayerCosts costs(read, kOrigin);
  EXPECT_DOUBLE_EQ(costs.stage(segment("4-8")).latency_us, 2 * 30 + 3 * 2 + 5 + 7 + 16 * 0.5);
  EXPECT_EQ(costs.stage({.arch = family::ArchSpec::parse("4-8"), .last_section = 1, .carry = true}).latency_us, 99);
}

TEST_F(LayerCostsFileTest, NetsOfOtherFamiliesComeBackToo) {
  LayerCostTable table = table_;
  table.layers[{.in_channels = 8, .out_channels = 8, .height = 4, .width = 4, .kernel = 5, .groups = 8}] = timed(3);
  table.fit.resize_us = 9;
  table.fit.profiler_us = 1.5;
  table.stages = {
      {.segment = {.arch = family::ArchSpec::parse("mbconv:4-4e1-8k5e2/2"), .first_section = 1}, .time = timed(50)}};
  const LayerCostTable read = layer_costs_from_json(to_json(table), kOrigin);
  EXPECT_EQ(to_json(read), to_json(table));
  EXPECT_EQ(read.stages[0].segment.text(), "mbconv:4-4e1-8k5e2/2[1:2]");
  EXPECT_EQ(read.layers, table.layers);
}

TEST_F(LayerCostsFileTest, DamageIsRefused) {
  const fs::path file = directory_ / "layer_costs.json";
  save_layer_costs(file, table_);
  const Damage found = damage(file, 200, [&] { return to_json(load_layer_costs(file)).dump(); });
  EXPECT_EQ(found.taken, std::vector<std::string>());
  EXPECT_GT(found.refused, 100);
}

TEST_F(LayerCostsFileTest, AnUnfinishedOneComesBackButGivesNoCosts) {
  table_.complete = false;
  const LayerCostTable read = layer_costs_from_json(to_json(table_), kOrigin);
  EXPECT_EQ(read.visits, 7u);
  EXPECT_EQ(read.layers.size(), 3u);
  EXPECT_THAT(error_of([&] { LayerCosts(read, kOrigin); }),
              HasSubstr("layer_costs.json: complete: expected true, found false"));
}

TEST_F(LayerCostsFileTest, DamageIsNamed) {
  const Json good = json_;
  const auto broken = [&](const std::function<void(Json&)>& damage) {
    json_ = good;
    damage(json_);
    return error();
  };
  EXPECT_EQ(broken([](Json&) {}), "no error");
  EXPECT_EQ(broken([](Json& json) { json["version"] = 2; }), "layer_costs.json: version: expected 1, found 2");
  EXPECT_EQ(broken([](Json& json) { json.erase("fit"); }), "layer_costs.json: field 'fit' is missing");
  EXPECT_EQ(broken([](Json& json) { json["fit"]["scale"] = -1; }),
            "layer_costs.json: fit.scale: expected a number of 0 or more, found -1");
  EXPECT_EQ(broken([](Json& json) { json["layers"][1]["samples_us"][0] = 0; }),
            "layer_costs.json: layers[1].samples_us[0]: expected a number above 0, found 0");
  EXPECT_THAT(broken([](Json& json) { json["layers"][1]["samples_us"] = Json::array(); }),
              HasSubstr("layers[1].samples_us: expected at least one number"));
  EXPECT_THAT(broken([](Json& json) { json["layers"].push_back(json["layers"][0]); }),
              HasSubstr("layers[3]: expected one entry per layer, found a second one for 3 -> 4 channels at 8x8"));
  EXPECT_THAT(broken([](Json& json) { json["stages"].push_back(json["stages"][0]); }),
              HasSubstr("stages[2]: expected one entry per stage, found a second one for 4-8"));
  EXPECT_THAT(broken([](Json& json) { json["stages"][0]["arch"] = "4-"; }), HasSubstr("stages[0]: architecture '4-'"));
  EXPECT_THAT(broken([](Json& json) { json["stages"][1]["last_block"] = 3; }),
              HasSubstr("stages[1].last_block: expected a number from 1 to 2, found 3"));
  EXPECT_THAT(broken([](Json& json) { json["stages"][1]["carry"] = 1; }), HasSubstr("expected true or false"));
  EXPECT_THAT(broken([](Json& json) { json["error"]["whole_nets"]["kendall_tau"] = 2; }), HasSubstr("kendall_tau"));
  EXPECT_THAT(broken([](Json& json) { json["machine"] = "this one"; }), HasSubstr("machine: expected an object"));
}

CostKey key_with(const char* provider, plan::Precision precision = plan::Precision::fp32, int threads = 1) {
  return cost_key({}, kUsualEngine, provider, precision, threads, 1);
}

TEST_F(LayerCostsFileTest, AnotherDeviceIsRefusedWithBothNames) {
  const auto error = [&](const CostKey& key, const std::string& device = kThisMachine) {
    return error_of([&] { require_same_setting(table_, device, key, kOrigin); });
  };
  EXPECT_EQ(error(table_.key), "no error");
  EXPECT_EQ(error(table_.key, "pi5"),
            "layer_costs.json: device: found 'this machine', where the costs were measured, expected 'pi5'");
  EXPECT_THAT(error(key_with("cpu", plan::Precision::fp32, 2)), HasSubstr("threads: found '1'"));
  EXPECT_THAT(error(key_with("xnnpack")), HasSubstr("provider: found 'cpu'"));
  EXPECT_THAT(error(key_with("cpu", plan::Precision::int8)), HasSubstr("precision: found 'fp32'"));
  EXPECT_EQ(measured_on(table_).machine["cpu"], "a cpu");
  EXPECT_EQ(measured_on(table_).engine_version, "1.2.3");
}

TEST_F(LayerCostsFileTest, TheTableOfADeviceHasItsNameAndItsStates) {
  EXPECT_FALSE(LayerCosts(table_, kOrigin).identity().contains("device"));
  table_.device = "pi5";
  table_.states.push_back({{"rows", {"0 4-8"}}});
  table_.unstable["too warm"] = 3;
  const LayerCostTable read = layer_costs_from_json(to_json(table_), kOrigin);
  EXPECT_EQ(read.device, "pi5");
  EXPECT_EQ(read.states, table_.states);
  EXPECT_EQ(read.unstable, table_.unstable);
  EXPECT_EQ(LayerCosts(read, kOrigin).identity()["device"], "pi5");
  json_ = to_json(table_);
  json_["unstable"]["too warm"] = "often";
  EXPECT_THAT(error(), HasSubstr("layer_costs.json: unstable.too warm"));
  json_ = to_json(table_);
  json_["device"] = "";
  EXPECT_THAT(error(), HasSubstr("layer_costs.json: device: expected a device's name"));
}

TEST(LayerCostsName, SaysWhatIsNotUsual) {
  EXPECT_EQ(layer_costs_name(key_with("cpu")), "layer_costs.json");
  EXPECT_EQ(layer_costs_name(key_with("cpu", plan::Precision::int8)), "layer_costs_int8.json");
  EXPECT_EQ(layer_costs_name(key_with("xnnpack")), "layer_costs_xnnpack.json");
  EXPECT_EQ(layer_costs_name(key_with("cpu", plan::Precision::int8, 2), "pi5"),
            "layer_costs_int8_2_threads_on_pi5.json");
  EXPECT_EQ(setting_text(key_with("cpu")), "fp32");
  EXPECT_EQ(setting_text(key_with("xnnpack", plan::Precision::fp32, 4)), "fp32_xnnpack_4_threads");
  EXPECT_THAT(error_of([] { layer_costs_name(key_with("cpu"), "../pi5"); }), HasSubstr("expected a name without '/'"));
}

}  // namespace
}  // namespace triage::cost
