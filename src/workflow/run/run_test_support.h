// A made-up data set and a run on it, for tests.
#pragma once

#include "data/import/import.h"
#include "workflow/run/pipeline.h"
#include "workflow/workflow_test_support.h"

namespace triage::workflow {

class RunBench {
 public:
  explicit RunBench(data::GeneratedOptions options = {
                        .height = 16, .width = 16, .train_count = 400, .test_count = 20}) {
    data::write_dataset(data::generate(options), data());
  }
  fs::path data() const { return directory_ / "d.tds"; }
  fs::path run() const { return directory_ / "run"; }

  // stages: as in a configuration behind its [data].
  RunConfig config(const std::string& stages, const std::vector<std::string>& settings = {}) const {
    return run_config(
        "name = \"some-run\"\nprecision = \"fp32\"\nthreads = 1\n[data]\nfile = \"" + data().string() + "\"\n" + stages,
        settings);
  }
  Workspace workspace(const std::string& stages, const std::vector<std::string>& settings = {},
                      const Context& context = {}) const {
    return {config(stages, settings), run(), context};
  }

 private:
  TempDir directory_;
};

inline const std::string kLittle = "[[stage]]\nname = \"little\"\narch = \"4\"\nbatch = 32\n";
inline const std::string kBig = "[[stage]]\nname = \"big\"\narch = \"8-8\"\nbatch = 32\n";

}  // namespace triage::workflow
