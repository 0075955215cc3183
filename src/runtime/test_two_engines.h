// A plan of two image stages in both engines, which compute different things: what runs shows in the outcome.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/test_support.h"
#include "engine/testing/test_models.h"
#include "engine/testing/test_program.h"
#include "plan/plan.h"
#include "triage/classifier.h"

namespace triage::runtime {

class TwoEnginesTest : public testing::Test {
 protected:
  TwoEnginesTest() {
    fs::copy_file(TESTING_KERNELS, directory_ / "kernels.so");
    plan_ = {.name = "both", .input = {3, 2, 2}};
    for (int c = 0; c < 12; ++c) plan_.classes.push_back(std::to_string(c));
    plan_.policy = plan::PolicyKind::confidence;
    for (const char* name : {"little", "big"}) {
      plan::Stage stage{.name = name, .arch = plan::ArchSpec::parse("12"), .feature_width = 12};
      stage.onnx = stage.name + ".onnx";
      const std::string model = engine::TestModel{.height = 2, .width = 2, .features = 12, .classes = 12}.bytes();
      write_file_atomic(directory_.path() / stage.onnx, model);
      stage.sha256 = sha256_hex(model);
      plan_.stages.push_back(stage);
      compile(plan_.stages.size() - 1, engine::TestProgram{}.program(directory_ / "kernels.so"));
    }
    save();
  }
  void compile(std::size_t stage, const engine::StageProgram& program) {
    const fs::path file = directory_.path() / (plan_.stages[stage].name + ".program");
    engine::save_program(file, program);
    plan_.stages[stage].set_artifact({.engine = engine::spec_of_engine(engine::kCompiled),
                                      .file = file.filename().string(),
                                      .sha256 = sha256_file(file)});
  }
  void save() { plan::save_plan(directory_.path(), plan_); }
  Result<Classifier> load(const ClassifierOptions& options = {}) const {
    return Classifier::load(directory_.path().string(), options);
  }

  TempDir directory_;
  plan::Plan plan_;
};

}  // namespace triage::runtime
