#include "measure/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <thread>

#include "core/system/cpu.h"
#include "core/test_support.h"
#include "engine/registry.h"
#include "engine/session.h"
#include "engine/testing/test_models.h"
#include "engine/testing/test_program.h"
#include "measure/stages/memory.h"
#include "measure/stages/stage_list.h"

namespace triage::measure {
namespace {

using testing::HasSubstr;

cost::CostKey row_of(const char* row, int batch = 1, plan::Precision precision = plan::Precision::fp32) {
  return cost::cost_key(row, cost::kUsualEngine, cost::kUsualProvider, precision, 1, batch);
}

// little (hands its map over) and deeper (starts from it); timed for milliseconds.
class JobTest : public testing::Test {
 protected:
  JobTest() {
    engine::TestModel models[2] = {{.with_carry = true}, {.from_carry = true, .seed = 2}};
    plan::Plan plan{.name = "two", .input = {3, 4, 5}, .classes = {"ant", "bee", "cat", "dog"}};
    plan.policy = plan::PolicyKind::confidence;
    for (int s = 0; s < 2; ++s) {
      plan::Stage stage{.name = s == 0 ? "little" : "deeper", .arch = plan::ArchSpec::parse("6"), .feature_width = 6};
      stage.onnx = stage.name + ".onnx";
      if (s == 1) {
        stage.input = plan::StageInput::features;
        stage.source = 0;
      }
      write_file_atomic(directory_ / stage.onnx.c_str(), models[s].bytes());
      stage.sha256 = sha256_hex(models[s].bytes());
      plan.stages.push_back(stage);
    }
    plan::save_plan(directory_.path(), plan);
    write_json(directory_ / "list.json", stage_list_to_json(plan));
    write_file_atomic(images_, std::string(600, 'x'));
    job_.profile.measure = {.warmup_runs = 2,
                            .warmup_seconds = 0,
                            .window_seconds = 0,
                            .window_runs = 3,
                            .min_seconds = 0,
                            .min_runs = 9,
                            .max_runs = 30};
    job_.profile.batches = {1, 2};
    job_.interleaved = 2;
  }
  cost::CostTable run(const std::function<void(const JobProgress&)>& progress = {}) {
    return run_job(directory_.path(), images_, job_, state_, progress);
  }

  TempDir directory_;
  fs::path images_ = directory_ / "images.bin", state_ = directory_ / "state.jsonl";
  Job job_;
};

TEST_F(JobTest, JsonKeepsEverythingAndRefusesWhatItDoesNotKnow) {
  job_.profile.only = {"little"};
  job_.profile.one_by_one = true;
  job_.profile.by_node = {"little"};
  job_.profile.cores = {0};
  job_.limits.temperature_rise_celsius = 3;
  job_.energy = "rapl";
  job_.profile.energy_options.window_seconds = 7;
  const Json json = to_json(job_);
  EXPECT_EQ(to_json(job_from_json(json, "job")).dump(), json.dump());
  EXPECT_EQ(to_json(job_from_json(Json::object(), "job")).dump(), to_json(Job()).dump());
  const auto refusal = [](const char* text) {
    return error_of([&] { job_from_json(parse_json(text, "job"), "job"); });
  };
  EXPECT_EQ(refusal(R"({"batch": 1})"), "job: field 'batch' is unknown");
  EXPECT_EQ(refusal(R"({"measure": {"runs": 1}})"), "job: measure: field 'runs' is unknown");
  EXPECT_EQ(refusal(R"({"nice": 40})"), "job: nice: expected a number from -20 to 19, found 40");
  EXPECT_THAT(refusal(R"({"threads": [0.5]})"), HasSubstr("job: threads[0]"));
  EXPECT_EQ(refusal("[]"), "job: expected an object, found a list of 0 elements");
}

TEST_F(JobTest, EveryRowHasItsPlaceAndEveryPartItsStates) {
  const cost::CostTable table = run();
  EXPECT_EQ(table.entries.size(), 6u);  // (2 stages and the plan) x 2 batch sizes
  for (const int batch : {1, 2}) {
    for (const char* row : {"little", "deeper", "plan"}) {
      EXPECT_NE(table.find(row_of(row, batch)), nullptr) << row;
    }
  }
  ASSERT_EQ(table.states.size(), 4u);  // parts of 2 rows and 1
  EXPECT_EQ(table.states[0]["rows"], (Json{"little", "deeper"}));
  EXPECT_TRUE(table.states[3]["after"].contains("celsius"));
  EXPECT_EQ(table.device, cost::kThisMachine);
}

TEST_F(JobTest, WhatWasMeasuredIsNotMeasuredAgain) {
  // It ends in the middle of the third part, as when the power goes.
  EXPECT_EQ(error_of([&] {
              run([](const JobProgress& at) {
                if (at.rows_done == 3) throw Error("gone");
              });
            }),
            "gone");
  const std::string kept = read_file(state_);
  EXPECT_EQ(std::ranges::count(kept, '\n'), 3);
  write_file_atomic(state_, kept + R"({"version":1,"machine":{"cp)");  // a line that was not written to its end
  std::size_t first_done = 99, rows = 0;
  const cost::CostTable table = run([&](const JobProgress& at) {
    first_done = std::min(first_done, at.rows_done);
    rows = at.rows;
  });
  EXPECT_EQ(first_done, 3u);
  EXPECT_EQ(rows, 6u);
  EXPECT_EQ(table.entries.size(), 6u);
  const std::string finished = read_file(state_);
  EXPECT_EQ(finished.substr(0, kept.size()), kept);
  EXPECT_EQ(to_json(run()).dump(), to_json(table).dump());  // the answer that was lost on the way
  EXPECT_EQ(read_file(state_), finished);

  job_.profile.batches = {1, 2, 4, 4};  // more of the same
  EXPECT_EQ(run().entries.size(), 9u);
}

TEST_F(JobTest, RowsInInt8AreFoundAgain) {
  plan::Plan plan = plan::load_plan(directory_.path());
  plan.stages[1].precision = plan::Precision::int8;  // of the row's name alone: the file stays what it is
  plan::save_plan(directory_.path(), plan);
  EXPECT_EQ(error_of([&] {
              run([](const JobProgress& at) {
                if (at.rows_done == 3) throw Error("gone");
              });
            }),
            "gone");
  std::size_t first_done = 99;
  const cost::CostTable table = run([&](const JobProgress& at) { first_done = std::min(first_done, at.rows_done); });
  EXPECT_EQ(first_done, 3u);
  EXPECT_EQ(table.entries.size(), 6u);
  for (const int batch : {1, 2}) {
    EXPECT_NE(table.find(row_of("deeper", batch, plan::Precision::int8)), nullptr);
    EXPECT_NE(table.find(row_of("plan", batch)), nullptr);
  }
  EXPECT_EQ(to_json(run()).dump(), to_json(table).dump());
}

// One of photographs: each is brought to the network's size, which is part of what is timed.
TEST_F(JobTest, APlanOfAnySizeIsMeasuredOnImagesOfManySizes) {
  plan::Plan plan = plan::load_plan(directory_.path());
  plan.input = {.channels = 3, .height = 0, .width = 0};
  plan.stages[0].preprocess = preprocess::Preprocess{
      .resize = {.mode = preprocess::ResizeMode::exact, .height = 4, .width = 5}, .height = 4, .width = 5};
  plan.stages[0].preprocess->mean = {0, 0, 0};
  plan.stages[0].preprocess->stddev = {1, 1, 1};
  plan::save_plan(directory_.path(), plan);
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("images.bin: expected 'TRIAGEIM' and sizes at its beginning"));
  const std::vector<std::uint8_t> pixels(300, 9);
  const std::vector<ImageView> images{{pixels.data(), 10, 10, 3}, {pixels.data(), 3, 2, 3}, {pixels.data(), 40, 5, 1}};
  write_file_atomic(images_, image_file_bytes(images, plan.input));
  const cost::CostTable table = run();
  EXPECT_EQ(table.entries.size(), 6u);
  for (const char* row : {"little", "deeper", "plan"}) EXPECT_NE(table.find(row_of(row, 2)), nullptr) << row;
  EXPECT_GT(observe_memory(directory_.path(), 1, images).peak_kb, 0);

  plan.stages[0].preprocess.reset();  // stages that are put together may be anything
  EXPECT_EQ(error_of([&] { profile_stages(plan, directory_.path(), images, job_.profile); }),
            "profile: stage 'little': found no preprocessing, expected one for images of any size");
}

TEST_F(JobTest, AStateOfSomethingElseIsRefused) {
  run();
  job_.profile.measure.max_runs = 31;
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("state.jsonl:1: key: expected "));
  job_.profile.measure.max_runs = 30;
  const std::string good = read_file(state_);
  std::string text = good;
  text.replace(text.rfind("\"threads\":1"), 11, "\"threads\":2");
  write_file_atomic(state_, text);
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("state.jsonl:5: checksum: expected "));
  text = std::regex_replace(good, std::regex(",\"checksum\":\"[0-9a-f]*\""), "");
  for (std::size_t at = 0; (at = text.find("\"cpu\":\"", at)) != std::string::npos; at += 8) text.insert(at + 7, "Z");
  write_file_atomic(state_, text);
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("machine.cpu: found 'Z" + cpu_name() +
                                                  "', where the costs were measured, expected '" + cpu_name() + "'"));
  write_file_atomic(state_, read_file(state_).substr(0, 400) + "}\n");
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("state.jsonl:2"));
}

TEST_F(JobTest, OneMeasurementAtATimeOnADevice) {
  job_.wait_seconds = 0.3;
  std::string refusal;
  bool waited = false;
  run([&](const JobProgress&) {
    if (!refusal.empty()) return;
    std::thread([&] {
      refusal = error_of([&] {
        run_job(directory_.path(), images_, job_, directory_ / "other.jsonl",
                [&](const JobProgress& at) { waited |= at.waiting; });
      });
    }).join();
  });
  EXPECT_THAT(refusal, HasSubstr("another measurement runs on this device; waited 0 s"));
  EXPECT_TRUE(waited);
}

TEST_F(JobTest, StagesNeedNoPlan) {
  fs::remove(directory_ / "plan.json");
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("found neither plan.json nor stages.json"));
  fs::rename(directory_ / "list.json", directory_ / "stages.json");
  const cost::CostTable table = run();
  EXPECT_EQ(table.entries.size(), 4u);
  EXPECT_EQ(table.find(row_of("plan")), nullptr);
}

TEST_F(JobTest, OneByOneTheEnginesProfilerCanTimeTheNodes) {
  job_.profile.one_by_one = true;
  job_.profile.by_node = {"deeper"};
  job_.profile.batches = {1};
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("deeper.onnx: measure.settle_runs: found 2, expected 0"));
  fs::remove(state_);
  job_.profile.measure.settle_runs = 0;
  const cost::CostTable table = run();
  ASSERT_EQ(table.entries.size(), 2u);  // not the plan
  EXPECT_TRUE(table.find(row_of("little"))->nodes.empty());
  const cost::CostSample& deeper = *table.find(row_of("deeper"));
  EXPECT_FALSE(deeper.nodes.empty());
  const cost::CostTable read = cost::cost_table_from_json(to_json(table), "table");
  EXPECT_EQ(read.find(row_of("deeper"))->nodes, deeper.nodes);
  EXPECT_EQ(to_json(run()).dump(), to_json(table).dump());  // from the state file
  job_.profile.by_node = {"huge"};
  fs::remove(state_);
  EXPECT_EQ(error_of([&] { run(); }), "by_node: found 'huge', expected one of the stages");
  fs::remove(state_);
  job_.profile.by_node = {"little"};
  job_.profile.one_by_one = false;
  EXPECT_EQ(error_of([&] { run(); }), "profile: by_node: found 1 stages, expected none where they are timed in turns");
}

TEST_F(JobTest, EnergyIsMeasuredWhereTheDeviceIsAskedForIt) {
  job_.energy = "ina";  // this machine has no such sensor
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("ina"));
  fs::remove(state_);
  job_.energy = "auto";
  job_.profile.energy_options.window_seconds = 0.1;
  job_.profile.only = {"little"};
  job_.profile.batches = {1};
  EXPECT_NE(run().energy_source, "");
}

TEST_F(JobTest, XnnpackRowsCarryTheProvider) {
  const std::vector<std::string> providers = engine::stage_providers();
  job_.profile.provider = "xnnpack";
  if (std::ranges::find(providers, "xnnpack") == providers.end()) {
    EXPECT_THAT(error_of([&] { run(); }), HasSubstr("provider: found 'xnnpack'"));
    return;
  }
  const cost::CostTable table = run();
  EXPECT_EQ(table.entries.size(), 4u);  // not the plan: it runs on the CPU provider
  EXPECT_NE(table.find(cost::cost_key("deeper", cost::kUsualEngine, "xnnpack", plan::Precision::fp32, 1, 2)), nullptr);
}

TEST_F(JobTest, CompiledRowsAndTheWholePlan) {
  job_.profile.provider = "compiled";
  EXPECT_EQ(error_of([&] { run(); }), "engine 'compiled': stage 'little': was not compiled");
  fs::copy_file(TESTING_KERNELS, directory_ / "kernels.so");
  plan::Plan plan = plan::load_plan(directory_.path());
  plan.input = {3, 2, 2};
  for (int c = 4; c < 12; ++c) plan.classes.push_back(std::to_string(c));
  for (plan::Stage& stage : plan.stages) {
    const bool first = stage.source < 0;
    engine::StageProgram program =
        engine::TestProgram{.dims = {first ? 3 : 12, first ? 2 : 1, first ? 2 : 1}}.program(directory_ / "kernels.so");
    if (!first) program.shape.input_name = "carry_in";
    engine::save_program(directory_.path() / stage.name, program);
    stage.set_artifact({.engine = engine::spec_of_engine(engine::kCompiled),
                        .file = stage.name,
                        .sha256 = sha256_file(directory_.path() / stage.name)});
    stage.feature_width = 12;
    fs::remove(directory_.path() / stage.onnx);  // not needed
  }
  plan::save_plan(directory_.path(), plan);
  job_.profile.threads = {1, 2};
  const cost::CostTable table = run();
  EXPECT_EQ(table.entries.size(), 12u);
  for (const char* row : {"little", "deeper", "plan"}) {
    EXPECT_NE(table.find(cost::cost_key(row, "compiled", "compiled", plan::Precision::fp32, 2, 2)), nullptr) << row;
  }
  EXPECT_EQ(to_json(run()).dump(), to_json(table).dump());  // what is there is found again
}

TEST_F(JobTest, BadRequestsAreNamed) {
  job_.profile.only = {"huge"};
  EXPECT_EQ(error_of([&] { run(); }), "only: found 'huge', expected one of the stages");
  write_file_atomic(images_, std::string(61, 'x'));
  EXPECT_THAT(error_of([&] { run(); }), HasSubstr("images.bin: 61 bytes, expected a multiple of 60"));
}

TEST(StageList, RefusesByName) {
  Json good = parse_json(R"({"version": 1, "name": "n", "input": {"channels": 3, "height": 4, "width": 5},
    "stages": [{"name": "a", "onnx": "a.onnx", "input": "image"},
               {"name": "b", "onnx": "b.onnx", "input": "features", "source": 0, "precision": "int8"}]})",
                         "stages.json");
  good["stages"][1]["artifacts"] = plan::to_json(
      {{.engine = engine::EngineSpec::parse("compiled", "test"), .file = "b.program", .sha256 = std::string(64, 'b')}});
  EXPECT_EQ(stage_list_to_json(stage_list_from_json(good, "stages.json")).dump(), good.dump());
  const auto refusal = [&](const char* pointer, const Json& value) {
    Json json = good;
    json[Json::json_pointer(pointer)] = value;
    return error_of([&] { stage_list_from_json(json, "stages.json"); });
  };
  EXPECT_EQ(refusal("/version", 2), "stages.json: version: expected 1, found 2");
  EXPECT_EQ(refusal("/stages", Json::array()),
            "stages.json: stages: expected at least one stage, found a list of 0 elements");
  EXPECT_THAT(refusal("/stages/0/onnx", "../a"), HasSubstr("stages[0].onnx: expected a plain file name"));
  EXPECT_THAT(refusal("/stages/0/input", "features"), HasSubstr("stages[0].input: expected 'image' at the first"));
  EXPECT_THAT(refusal("/stages/1/source", 1), HasSubstr("stages[1].source: expected a number from 0 to 0"));
  EXPECT_THAT(refusal("/stages/1/name", "a"), HasSubstr("stages[1].name: expected a name that no other stage has"));
}

}  // namespace
}  // namespace triage::measure
